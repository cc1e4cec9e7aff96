using Lakou.Core.Faults;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Http;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding;

/// <summary>
/// Sends one request to an endpoint and its answer to the client, streaming both ways with back-pressure.
/// The numbered steps are those of <c>docs/forwarding.md</c>.
/// </summary>
internal static partial class Forwarder
{
    // Past this the pump stops gathering and lets the client read: half of the output's pause threshold.
    public const int FlushBytes = 32 * 1024;

    // How long an upstream may stay silent after Expect before the body is sent anyway (RFC 9110 §10.1.1): curl's wait.
    private static readonly TimeSpan ContinueWait = TimeSpan.FromSeconds(1);

    /// <summary>A body that says that it is too long is refused before an endpoint hears of it.</summary>
    private static Fault? TooLarge(in ExchangeFeatures features)
        => features.Request.Headers.ContentLength is { } length
            && features.BodySize?.MaxRequestBodySize is { } allowed
            && length > allowed
            ? ServerFaults.BodyTooLarge.With($"At most {allowed} bytes are allowed here.")
            : null;

    private static RequestFraming FramingOf(in ExchangeFeatures features)
    {
        var request = features.Request;
        var length = request.Headers.ContentLength;
        if (features.BodyDetection is { CanHaveBody: false })
        {
            // A POST without a body says so; a GET does not (RFC 9110 §8.6).
            return length == 0 || request.Method is "POST" or "PUT" or "PATCH"
                ? new(BodyKind.Length, 0, false)
                : new(BodyKind.None, 0, false);
        }

        var expect = ExpectsContinue(request);
        return length switch
        {
            0 => new(BodyKind.Length, 0, false),
            { } some => new(BodyKind.Length, some, expect),
            null => new(BodyKind.Chunked, 0, expect),
        };
    }

    /// <summary>An HTTP/1.0 client knows no 100 (RFC 9110 §10.1.1); over HTTP/2 the server below has answered it.</summary>
    private static bool ExpectsContinue(IHttpRequestFeature request)
        => request.Protocol == "HTTP/1.1"
            && request.Headers.Expect is { Count: > 0 } expect
            && string.Equals(expect.ToString(), "100-continue", StringComparison.OrdinalIgnoreCase);

    private static bool IsSafe(string method) => method is "GET" or "HEAD" or "OPTIONS" or "TRACE";

    /// <summary>The endpoint could not be reached, did not answer, or answered what is no answer.</summary>
    public static bool IsEndpoints(FaultCode code)
        => code == UpstreamFaults.ConnectFailed || code == UpstreamFaults.ConnectTimeout || code == UpstreamFaults.TlsFailed || code == UpstreamFaults.ResponseTimeout
            || code == UpstreamFaults.Closed || code == UpstreamFaults.Refused || code == UpstreamFaults.Truncated || code == HttpFaults.BadResponse;

    public static Fault TotalTimeout(Exchange exchange)
        => UpstreamFaults.TotalTimeout.With($"The route, or the client of a gRPC call, allows {exchange.TotalTimeout.TotalSeconds:0.###} s in all.");

    /// <param name="Fault">Why the exchange failed.</param>
    /// <param name="Retry">The endpoint closed before any byte of an answer: on a reused connection, an idle close crossing our request.</param>
    private sealed record Failure(Fault Fault, bool Retry);
}
