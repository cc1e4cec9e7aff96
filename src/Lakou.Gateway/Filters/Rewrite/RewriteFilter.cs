using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters.Rewrite;

internal sealed record RewriteOptions
{
    public string Path { get; init; } = "";

    private static readonly Shape<string> PathShape = Shapes.Text(1, 2048, "^/[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]*$", "a path such as /v2/{rest}, without a query; escape what no path may hold");

    public static Shape<RewriteOptions> Shape { get; } = Shapes.Object("rewrite", "Replaces the path.", () => new RewriteOptions())
        .Required("path", PathShape, o => o.Path, (o, v) => o with { Path = v }, "The new path; `{name}` stands for a capture of the route's path. The query is kept.")
        .Or(PathShape, path => new RewriteOptions { Path = path });
}

/// <summary>Sends the endpoint another path, made from the captures of the route's.</summary>
internal sealed class RewriteFilter(PathTemplate template, RequestDelegate next)
{
    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "rewrite",
        FilterPhase.Shaping,
        "Replaces the path that the endpoint sees.",
        RewriteOptions.Shape,
        (options, context, next) => new RewriteFilter(PathTemplate.Parse(options.Path, context.Match, "", new Problems()), next).InvokeAsync,
        (options, pattern, at, problems) =>
        {
            if (PathTemplate.Parse(options.Path, pattern, at, problems).HasQuery)
            {
                problems.Add(at, "{query} has no place in a path; the query is kept anyway");
            }
        });

    public Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.ForwardPath = template.Fill(exchange.Captures, context.Request.Host.Value ?? "", exchange.Target.EncodedPath, exchange.Target.Query).AsMemory();
        return next(context);
    }
}
