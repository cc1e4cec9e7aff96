using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Filters.GrpcWeb;

internal sealed record GrpcWebOptions
{
    public static Shape<GrpcWebOptions> Shape { get; } = Shapes.Object("grpc-web", "gRPC-Web of browsers, translated to gRPC.", () => new GrpcWebOptions());
}

/// <summary>
/// Lets browsers call gRPC services: what comes as gRPC-Web goes on as gRPC, and back. Other requests pass untouched.
/// <code>
/// application/grpc-web[+codec]        frames as they are          trailers: a last frame with flag 0x80
/// application/grpc-web-text[+codec]   the same, all in base64
/// </code>
/// </summary>
internal sealed class GrpcWebFilter(RequestDelegate next)
{
    private const string Binary = "application/grpc-web";
    private const string Text = "application/grpc-web-text";

    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "grpc-web",
        FilterPhase.Connection,
        "Translates gRPC-Web of browsers to gRPC and back.",
        GrpcWebOptions.Shape,
        (_, _, next) => new GrpcWebFilter(next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        var type = context.Request.ContentType;
        return type is null || !type.StartsWith(Binary, StringComparison.OrdinalIgnoreCase) ? next(context)
            : CodecOf(type, Text) is { } codec ? TranslateAsync(context, type, codec, isText: true)
            : CodecOf(type, Binary) is { } plain ? TranslateAsync(context, type, plain, isText: false)
            : next(context);
    }

    /// <summary>What follows the name, as in <c>+proto</c>; null when the type is another.</summary>
    private static string? CodecOf(string type, string name)
        => type.StartsWith(name, StringComparison.OrdinalIgnoreCase) && (type.Length == name.Length || type[name.Length] is '+' or ';' or ' ') ? type[name.Length..] : null;

    private async Task TranslateAsync(HttpContext context, string type, string codec, bool isText)
    {
        // 1. The request: its type, its body; a server of gRPC is told that trailers are understood.
        var features = context.Features;
        var (pipe, body, trailers) = (features.Get<IRequestBodyPipeFeature>(), features.GetRequiredFeature<IHttpResponseBodyFeature>(), features.Get<IHttpResponseTrailersFeature>());
        var incoming = new GrpcWebRequestBody(context.Request.BodyReader, isText);
        context.Request.ContentType = "application/grpc" + codec;
        context.Request.Headers.TE = "trailers";
        if (isText)
        {
            context.Request.ContentLength = null; // of the base64
        }

        // 2. The answer: its type once it begins, its body on the way, its trailers at the end.
        var outgoing = new GrpcWebResponseBody(body, isText);
        context.Response.OnStarting(
            static state =>
            {
                var (response, type) = ((HttpResponse, string))state;
                if (Grpc.GrpcRequest.Is(response.Headers))
                {
                    response.ContentType = type;
                    response.ContentLength = null; // the trailers come on top
                }

                return Task.CompletedTask;
            },
            (context.Response, type));
        features.Set<IRequestBodyPipeFeature>(incoming);
        features.Set<IHttpResponseBodyFeature>(outgoing);
        features.Set<IHttpResponseTrailersFeature>(outgoing);
        try
        {
            await next(context);
            if (context.Response.HasStarted && !Exchange.Of(context).ClientGone)
            {
                await outgoing.EndAsync(context.RequestAborted);
            }
        }
        finally
        {
            features.Set(pipe);
            features.Set(body);
            features.Set(trailers);
        }
    }
}
