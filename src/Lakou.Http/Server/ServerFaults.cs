using Lakou.Core.Faults;

namespace Lakou.Http.Server;

public static class ServerFaults
{
    public static readonly FaultCode HeadTimeout = new("http/head-timeout", FaultParty.Client, 408, "The request's head did not arrive in time", RetryAdvice.Now);
    public static readonly FaultCode BodyTimeout = new("http/body-timeout", FaultParty.Client, 408, "The request's body came too slowly", RetryAdvice.IfIdempotent);
    public static readonly FaultCode BodyTooLarge = new("http/body-too-large", FaultParty.Client, 413, "The request's body is larger than allowed");
    public static readonly FaultCode BodyTruncated = new("http/body-truncated", FaultParty.Client, 400, "The connection ended before the request's body did", RetryAdvice.IfIdempotent);

    /// <summary>What another server says about a body, by the status that it would answer.</summary>
    public static Fault OfBody(int status, string detail) => (status switch
    {
        413 => BodyTooLarge,
        408 => BodyTimeout,
        _ => BodyTruncated,
    }).With(detail);
}

/// <summary>The request body cannot be read to its end; the fault says why.</summary>
public sealed class RequestBodyException(Fault fault) : IOException(fault.Detail)
{
    public Fault Fault { get; } = fault;
}
