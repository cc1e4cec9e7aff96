using System.Buffers;
using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters.RequestId;

internal sealed record RequestIdOptions
{
    public string Header { get; init; } = "X-Request-Id";

    public bool Accept { get; init; } = true;

    public bool Respond { get; init; } = true;

    public static Shape<RequestIdOptions> Shape { get; } = Shapes.Object("request-id", "Gives every request an id.", () => new RequestIdOptions())
        .Field("header", Headers.HeaderNames.RequestShape, o => o.Header, (o, v) => o with { Header = v }, "The field that carries the id upstream and back.")
        .Field("accept", Shapes.Flag(), o => o.Accept, (o, v) => o with { Accept = v }, "Keep a client's id if it is at most 128 letters, digits, `-`, `_`, `.`, `:` or `=`; else always make one.")
        .Field("respond", Shapes.Flag(), o => o.Respond, (o, v) => o with { Respond = v }, "Send the id back in the response.");
}

/// <summary>Names a request once, for the client, the endpoint and the log.</summary>
internal sealed class RequestIdFilter(RequestIdOptions options, RequestDelegate next)
{
    // What is safe in a log line, a URL and a header; 128 is long enough for any known generator.
    private const int LengthMax = 128;

    private static readonly SearchValues<char> Allowed = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:=");

    private readonly Func<object, Task> _respond = state =>
    {
        var context = (HttpContext)state;
        context.Response.Headers[options.Header] = Exchange.Of(context).RequestId;
        return Task.CompletedTask;
    };

    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "request-id",
        FilterPhase.Connection,
        "Gives every request an id, or keeps the client's; the endpoint, the client and the access log see the same one.",
        RequestIdOptions.Shape,
        (options, _, next) => new RequestIdFilter(options, next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        var given = context.Request.Headers[options.Header];
        var id = options.Accept && given.Count == 1 && IsAcceptable(given[0]!) ? given[0]! : Guid.CreateVersion7().ToString("N");
        Exchange.Of(context).RequestId = id;
        context.Request.Headers[options.Header] = id;
        if (options.Respond)
        {
            context.Response.OnStarting(_respond, context);
        }

        return next(context);
    }

    private static bool IsAcceptable(string id) => id.Length is > 0 and <= LengthMax && !id.AsSpan().ContainsAnyExcept(Allowed);
}
