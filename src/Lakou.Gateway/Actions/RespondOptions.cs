using System.Text;
using Lakou.Core.Configuration;
using Lakou.Gateway.Filters.Headers;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions;

internal sealed record RespondOptions
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public int Status { get; init; } = 200;

    public string Body { get; init; } = "";

    public string ContentType { get; init; } = "text/plain; charset=utf-8";

    public IReadOnlyDictionary<string, string> Headers { get; init; } = None;

    public static Shape<RespondOptions> Shape { get; } = Shapes.Object("respond", "An answer given here, with no upstream.", () => new RespondOptions())
        .Field("status", Shapes.Integer(200, 599), o => o.Status, (o, v) => o with { Status = v }, "The HTTP status.")
        .Field("body", Shapes.Text(0, 1 << 20), o => o.Body, (o, v) => o with { Body = v }, "The text of the answer.")
        .Field("content-type", Shapes.Text(1, 256), o => o.ContentType, (o, v) => o with { ContentType = v }, "What the text is.")
        .Field("headers", Shapes.Map(HeaderNames.ValueShape, name => HeaderNames.IsToken(name) && HeaderNames.IsFree(name), "a header name that is not of framing or connection"), o => o.Headers, (o, v) => o with { Headers = v }, "More headers of the answer.");
}

/// <summary>Answers with the same bytes every time.</summary>
internal sealed class RespondAction(RespondOptions options)
{
    private readonly byte[] _body = Encoding.UTF8.GetBytes(options.Body);

    public async Task InvokeAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = options.Status;
        foreach (var (name, value) in options.Headers)
        {
            response.Headers[name] = value;
        }

        if (options.Status is 204 or 304)
        {
            return;
        }

        response.ContentType ??= options.ContentType;
        response.ContentLength = _body.Length;
        Observation.Exchange.Of(context).BytesOut = HttpMethods.IsHead(context.Request.Method) ? 0 : _body.Length;
        await response.BodyWriter.WriteAsync(_body, context.RequestAborted);
    }
}
