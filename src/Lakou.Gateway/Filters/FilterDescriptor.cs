using Lakou.Core.Configuration;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters;

/// <summary>When a filter runs, whatever the order of writing. Filters of one phase run in the order of the catalogue.</summary>
internal enum FilterPhase
{
    Connection,
    Identity,
    Authorisation,
    Admission,
    Validation,
    Idempotency,
    Cache,
    Shaping,
    Resilience,
}

/// <summary>What a filter is built for.</summary>
internal sealed record FilterContext(string Route, RoutePattern Match, TimeProvider Time);

/// <summary>
/// One filter: its name, its place, its options and its middleware. <see cref="FilterCatalog"/> lists them all;
/// parser, schema and reference page derive from here.
/// </summary>
internal sealed record FilterDescriptor(
    string Name,
    FilterPhase Phase,
    string Doc,
    Shape<object> Shape,
    Func<object, FilterContext, RequestDelegate, RequestDelegate> Create,
    Action<object, RoutePattern, string, Problems> Check)
{
    /// <param name="name">The key under <c>filters</c>.</param>
    /// <param name="phase">When it runs.</param>
    /// <param name="doc">What it does, in one sentence.</param>
    /// <param name="shape">How its options are written.</param>
    /// <param name="create">Wraps the rest of the chain. A filter that only admits or rejects returns <c>next(context)</c> itself.</param>
    /// <param name="check">What depends on the route: given its pattern and the path of the options in the file.</param>
    public static FilterDescriptor For<TOptions>(
        string name,
        FilterPhase phase,
        string doc,
        Shape<TOptions> shape,
        Func<TOptions, FilterContext, RequestDelegate, RequestDelegate> create,
        Action<TOptions, RoutePattern, string, Problems>? check = null)
        where TOptions : notnull
        => new(
            name,
            phase,
            doc,
            shape.Boxed(),
            (options, context, next) => create((TOptions)options, context, next),
            (options, pattern, path, problems) => check?.Invoke((TOptions)options, pattern, path, problems));
}
