using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions;

internal sealed record RedirectOptions
{
    public string To { get; init; } = "";

    public int Status { get; init; } = 308;

    private static readonly Shape<string> ToShape = Shapes.Text(1, 4096, @"^(/([!-.0-\[\]-~][!-\[\]-~]*)?|https?://[!-\[\]-~]+)$", "a path such as /new/{rest}, or an address such as https://{host}{path}");

    public static Shape<RedirectOptions> Shape { get; } = Shapes.Object("redirect", "A redirect given here.", () => new RedirectOptions())
        .Required("to", ToShape, o => o.To, (o, v) => o with { To = v }, "Where to: a path or an address. `{name}` stands for a capture, and `{host}`, `{path}`, `{query}` for parts of the request. The query is kept unless the template has one.")
        .Field("status", Shapes.Integer().Where(status => status is 301 or 302 or 303 or 307 or 308, "301, 302, 303, 307 or 308"), o => o.Status, (o, v) => o with { Status = v }, "308 and 307 keep the method; 301 and 308 are for ever.")
        .Or(ToShape, to => new RedirectOptions { To = to });
}

internal sealed class RedirectAction(PathTemplate template, int status)
{
    public Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        var to = template.Fill(exchange.Captures, context.Request.Host.Value ?? "", exchange.Target.EncodedPath, exchange.Target.Query);
        if (to.StartsWith("//", StringComparison.Ordinal))
        {
            // A path that begins with two slashes would name a host (RFC 3986 §4.2).
            to = "/" + to.TrimStart('/');
        }

        context.Response.StatusCode = status;
        context.Response.Headers.Location = template.HasQuery ? to : string.Concat(to, exchange.Target.Query.Span);
        context.Response.ContentLength = 0;
        return Task.CompletedTask;
    }
}
