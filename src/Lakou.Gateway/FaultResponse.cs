using Lakou.Core.Faults;
using Lakou.Gateway.Grpc;
using Lakou.Gateway.Observation;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway;

/// <summary>Ends a request with a fault: a problem document when nothing was sent yet, a broken connection when something was.</summary>
internal static class FaultResponse
{
    public static async Task WriteAsync(HttpContext context, Exchange exchange, Fault fault)
    {
        exchange.Fault = fault;
        if (fault.Code == Upstreams.UpstreamFaults.ClientGone)
        {
            exchange.ClientGone = true;
        }

        var response = context.Response;
        if (response.HasStarted || exchange.ClientGone)
        {
            exchange.Status = response.HasStarted ? 0 : fault.Code.Status; // for the log: none was sent
            // A whole-looking answer would be a lie: the client must see that it is cut.
            context.Abort();
            return;
        }

        if (GrpcRequest.Is(context.Request.Headers))
        {
            WriteGrpc(context, exchange, fault);
            return;
        }

        var (type, body) = FaultBody.Write(fault, context.Request.Headers.Accept, exchange.RequestId);
        response.Headers.Clear();
        response.StatusCode = fault.Code.Status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        if (fault.RetryAfter is { } wait)
        {
            response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString();
        }

        if (exchange.Stickiness.Fault is not null)
        {
            exchange.Stickiness.Cookie?.AddTo(response.Headers);
        }

        if (exchange.Allow is { } allow)
        {
            response.Headers.Allow = allow;
        }

        if (exchange.Challenge is { } challenge)
        {
            response.Headers.WWWAuthenticate = challenge;
        }

        exchange.BytesOut = HttpMethods.IsHead(exchange.Method) ? 0 : body.Length;
        await response.BodyWriter.WriteAsync(body, CancellationToken.None); // half of a client may have left: what broke its request is worth a try
    }

    /// <summary>An answer of trailers only: HTTP says 200, and the head says how the call ended. Log and metrics have the fault's status.</summary>
    private static void WriteGrpc(HttpContext context, Exchange exchange, Fault fault)
    {
        exchange.Status = fault.Code.Status;
        exchange.GrpcStatus = GrpcFault.TextOf(GrpcFault.StatusOf(fault.Code));
        var response = context.Response;
        response.Headers.Clear();
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = context.Request.ContentType;
        response.Headers[GrpcFault.StatusField] = exchange.GrpcStatus;
        response.Headers[GrpcFault.MessageField] = GrpcFault.MessageOf(fault);
    }
}
