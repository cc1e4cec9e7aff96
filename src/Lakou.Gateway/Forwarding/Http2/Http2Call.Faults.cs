using Lakou.Core.Faults;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Http2;
using Lakou.Http;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>What an exception of the client of HTTP/2 means.</summary>
internal sealed partial class Http2Call
{
    private const long RefusedStream = 7;
    private const long Http11Required = 13;

    // RFC 9113 §7.
    private static readonly string[] ErrorNames =
    [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
        "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ];

    private Fault FaultOf(Exception e)
    {
        var address = _endpoint.Address.Text;
        var error = ErrorOf(e);
        return this switch
        {
            _ when _requestFault is { } broken => broken,
            _ when _timedOut == Wait.Total => Forwarder.TotalTimeout(_exchange),
            _ when _timedOut == Wait.Response => UpstreamFaults.ResponseTimeout.With($"{address} did not answer within {_plan.Timeouts.Response.TotalSeconds:0.###} s."),
            _ when _timedOut == Wait.Idle => UpstreamFaults.IdleTimeout.With($"{address} neither sent nor took a byte for {_plan.Timeouts.Idle.TotalSeconds:0.###} s."),
            _ when _clientGone || _exchange.HasClientLeft => UpstreamFaults.ClientGone.With("The client left before the answer was complete."),
            _ when DialException.In(e) is { } dial => dial.Fault,
            _ when _isRefused || (_status == 0 && error == RefusedStream)
                => UpstreamFaults.Refused.With($"{address} refused the stream{(_isRefused ? ", and too much of the body had gone for another try" : "")}: it has too many, or is about to end."),
            _ when error == Http11Required || IsNonsense(e) => HttpFaults.BadResponse.With($"{address} does not speak HTTP/2 as it should ({e.Message}); if it speaks HTTP/1.1, write protocol: http1."),
            _ when _status != 0 => UpstreamFaults.Truncated.With($"{address} {Describe(error, e)} within its answer."),
            _ => UpstreamFaults.Closed.With($"{address} {Describe(error, e)} before it answered."),
        };
    }

    private static long? ErrorOf(Exception? e)
    {
        while (e is not null and not HttpProtocolException)
        {
            e = e.InnerException;
        }

        return (e as HttpProtocolException)?.ErrorCode;
    }

    private static bool IsNonsense(Exception e) => (e as HttpRequestException)?.HttpRequestError
        is HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded or HttpRequestError.VersionNegotiationError;

    private static string Describe(long? error, Exception e)
        => error is { } code ? $"ended the stream or its connection ({(code < ErrorNames.Length ? ErrorNames[code] : $"error {code}")})" : $"broke off ({UpstreamFaults.Describe(e)})";
}
