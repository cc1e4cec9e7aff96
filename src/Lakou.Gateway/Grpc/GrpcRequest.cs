using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Grpc;

internal static class GrpcRequest
{
    private const string ContentType = "application/grpc";

    /// <summary>By its content type, whatever the codec: <c>application/grpc+proto</c>, <c>application/grpc-web-text</c>, …</summary>
    public static bool Is(IHeaderDictionary headers) => headers.ContentType.ToString().StartsWith(ContentType, StringComparison.OrdinalIgnoreCase);

    public static bool Is(Exchange exchange) => Is(exchange.Features.Request.Headers);
}
