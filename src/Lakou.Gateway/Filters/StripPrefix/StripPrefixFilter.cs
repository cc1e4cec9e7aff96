using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters.StripPrefix;

internal sealed record StripPrefixOptions
{
    public string Prefix { get; init; } = "";

    private static readonly Shape<string> PrefixShape = Shapes.Text(2, 1024, "^/.*[^/]$", "a path such as /api, without a slash at its end");

    public static Shape<StripPrefixOptions> Shape { get; } = Shapes.Object("strip-prefix", "Removes leading segments of the path.", () => new StripPrefixOptions())
        .Required("prefix", PrefixShape, o => o.Prefix, (o, v) => o with { Prefix = v }, "What to remove, whole segments: `/api` changes `/api/x` and `/api`, not `/apix`.")
        .Or(PrefixShape, prefix => new StripPrefixOptions { Prefix = prefix });
}

/// <summary>Sends the endpoint a path without the prefix that only the gateway knows.</summary>
internal sealed class StripPrefixFilter(StripPrefixOptions options, RequestDelegate next)
{
    // As the endpoint's path is written, so that "/a b", "/a%20b" and "/é" are found in it.
    private readonly string _prefix = PathCharacters.Escape(Uri.UnescapeDataString(options.Prefix));

    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "strip-prefix",
        FilterPhase.Shaping,
        "Removes a prefix from the path that the endpoint sees.",
        StripPrefixOptions.Shape,
        (options, _, next) => new StripPrefixFilter(options, next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        var path = exchange.ForwardPath.Span;
        if (path.StartsWith(_prefix, StringComparison.Ordinal))
        {
            if (path.Length == _prefix.Length)
            {
                exchange.ForwardPath = "/".AsMemory();
            }
            else if (path[_prefix.Length] == '/')
            {
                exchange.ForwardPath = exchange.ForwardPath[_prefix.Length..];
            }
        }

        return next(context);
    }
}
