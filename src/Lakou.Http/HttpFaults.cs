using Lakou.Core.Faults;

namespace Lakou.Http;

/// <summary>What can be wrong with a message of HTTP/1.1. Each ends the connection: behind a flaw nobody knows where the next message begins.</summary>
public static class HttpFaults
{
    public static readonly FaultCode BadRequestLine =
        new("http/bad-request-line", FaultParty.Client, 400, "The request line is not of the grammar.");

    public static readonly FaultCode BadField =
        new("http/bad-field", FaultParty.Client, 400, "A header or trailer field is not of the grammar.");

    public static readonly FaultCode BadHost =
        new("http/bad-host", FaultParty.Client, 400, "The Host field is missing, repeated, invalid or differs from the target.");

    public static readonly FaultCode BadFraming =
        new("http/bad-framing", FaultParty.Client, 400, "The end of the request body cannot be told for certain.");

    public static readonly FaultCode HeadTooLarge =
        new("http/head-too-large", FaultParty.Client, 431, "The header or trailer fields exceed the limits.");

    public static readonly FaultCode TargetTooLong =
        new("http/target-too-long", FaultParty.Client, 414, "The request line exceeds its limit.");

    public static readonly FaultCode UnknownTransferCoding =
        new("http/unknown-transfer-coding", FaultParty.Client, 501, "The request body has a transfer coding other than chunked.");

    /// <summary>As the first thing on a connection it gets no answer: who does not speak HTTP could not read one.</summary>
    public static readonly FaultCode NotHttp =
        new("http/not-http", FaultParty.Client, 400, "What was sent is not HTTP.");

    public static readonly FaultCode Version =
        new("http/version", FaultParty.Client, 505, "The request is of an HTTP version that is not served here.");

    public static readonly FaultCode BadResponse =
        new("upstream/bad-response", FaultParty.Upstream, 502, "The upstream's answer is invalid or ambiguous.", RetryAdvice.IfIdempotent);
}
