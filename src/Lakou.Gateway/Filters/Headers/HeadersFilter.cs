using Lakou.Core.Configuration;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters.Headers;

internal sealed record HeaderEditOptions
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Set { get; init; } = None;

    public IReadOnlyDictionary<string, string> Add { get; init; } = None;

    public IReadOnlyList<string> Remove { get; init; } = [];

    public static Shape<HeaderEditOptions> RequestShape { get; } = ShapeOf(
        "request-header-edit", HeaderNames.RequestShape, HeaderNames.IsFreeInRequests, "a header name that is not of framing or connection, nor one that the gateway writes itself");

    public static Shape<HeaderEditOptions> ResponseShape { get; } = ShapeOf(
        "response-header-edit", HeaderNames.Shape, HeaderNames.IsFree, "a header name that is not of framing or connection");

    private static Shape<HeaderEditOptions> ShapeOf(string title, Shape<string> name, Func<string, bool> isFree, string requirement)
    {
        var fields = Shapes.Map(HeaderNames.ValueShape, key => HeaderNames.IsToken(key) && isFree(key), requirement);
        return Shapes.Object(title, "Changes to one message's headers: removed first, then set, then added.", () => new HeaderEditOptions())
            .Field("remove", Shapes.List(name), o => o.Remove, (o, v) => o with { Remove = v }, "Names to take out.")
            .Field("set", fields, o => o.Set, (o, v) => o with { Set = v }, "Name to value; replaces what is there.")
            .Field("add", fields, o => o.Add, (o, v) => o with { Add = v }, "Name to value; another line beside what is there.");
    }
}

internal sealed record HeadersOptions
{
    public HeaderEditOptions Request { get; init; } = new();

    public HeaderEditOptions Response { get; init; } = new();

    public static Shape<HeadersOptions> Shape { get; } = Shapes.Object("headers", "Changes headers on the way in and out.", () => new HeadersOptions())
        .Field("request", HeaderEditOptions.RequestShape, o => o.Request, (o, v) => o with { Request = v }, "What the endpoint sees.")
        .Field("response", HeaderEditOptions.ResponseShape, o => o.Response, (o, v) => o with { Response = v }, "What the client sees, faults included.");
}

/// <summary>Sets, adds and removes headers of requests and responses.</summary>
internal sealed class HeadersFilter(HeadersOptions options, RequestDelegate next)
{
    private readonly bool _editsResponse = options.Response.Set.Count + options.Response.Add.Count + options.Response.Remove.Count > 0;

    private readonly Func<object, Task> _respond = state =>
    {
        Edit(((HttpContext)state).Response.Headers, options.Response);
        return Task.CompletedTask;
    };

    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "headers",
        FilterPhase.Shaping,
        "Sets, adds and removes headers of requests and responses.",
        HeadersOptions.Shape,
        (options, _, next) => new HeadersFilter(options, next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        Edit(context.Request.Headers, options.Request);
        if (_editsResponse)
        {
            context.Response.OnStarting(_respond, context);
        }

        return next(context);
    }

    private static void Edit(IHeaderDictionary headers, HeaderEditOptions edit)
    {
        foreach (var name in edit.Remove)
        {
            headers.Remove(name);
        }

        foreach (var (name, value) in edit.Set)
        {
            headers[name] = value;
        }

        foreach (var (name, value) in edit.Add)
        {
            headers.Append(name, value);
        }
    }
}
