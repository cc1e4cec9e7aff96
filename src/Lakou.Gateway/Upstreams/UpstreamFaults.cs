using System.Net.Sockets;
using System.Security.Authentication;
using Lakou.Core.Faults;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Upstreams;

internal static class UpstreamFaults
{
    // Retry-After counts in seconds; how long an upstream stays full nobody knows.
    private static readonly TimeSpan s_wait = TimeSpan.FromSeconds(1);

    public static readonly FaultCode NoEndpoint = new("upstream/no-endpoint", FaultParty.Operator, 503, "No endpoint can take the request", RetryAdvice.Later);
    public static readonly FaultCode StickyGone = new("upstream/sticky-gone", FaultParty.Upstream, 503, "The endpoint that the client belongs to cannot take the request", RetryAdvice.Later);
    public static readonly FaultCode QueueFull = new("upstream/queue-full", FaultParty.Upstream, 503, "As many requests wait for the upstream as may", RetryAdvice.Later);
    public static readonly FaultCode QueueTimeout = new("upstream/queue-timeout", FaultParty.Upstream, 503, "The upstream had no place for the request in time", RetryAdvice.Later);
    public static readonly FaultCode NoSocket = new("upstream/no-socket", FaultParty.Operator, 503, "The gateway has no socket left for the endpoint", RetryAdvice.Later);
    public static readonly FaultCode ConnectFailed = new("upstream/connect-failed", FaultParty.Upstream, 502, "The endpoint could not be reached", RetryAdvice.Now);
    public static readonly FaultCode ConnectTimeout = new("upstream/connect-timeout", FaultParty.Upstream, 504, "The endpoint did not accept the connection in time", RetryAdvice.Now);
    public static readonly FaultCode TlsFailed = new("upstream/tls-failed", FaultParty.Upstream, 502, "The endpoint could not be spoken to over TLS");
    public static readonly FaultCode ResponseTimeout = new("upstream/response-timeout", FaultParty.Upstream, 504, "The endpoint did not answer in time", RetryAdvice.IfIdempotent);
    public static readonly FaultCode IdleTimeout = new("upstream/idle-timeout", FaultParty.Upstream, 504, "The endpoint stopped sending or receiving", RetryAdvice.IfIdempotent);
    public static readonly FaultCode TotalTimeout = new("upstream/total-timeout", FaultParty.Upstream, 504, "The request took longer than its route allows", RetryAdvice.IfIdempotent);
    public static readonly FaultCode Closed = new("upstream/closed", FaultParty.Upstream, 502, "The endpoint closed the connection without an answer", RetryAdvice.IfIdempotent);
    public static readonly FaultCode Truncated = new("upstream/truncated", FaultParty.Upstream, 502, "The endpoint closed the connection in the middle of its answer", RetryAdvice.IfIdempotent);
    public static readonly FaultCode Refused = new("upstream/refused", FaultParty.Upstream, 503, "The endpoint refused the request before it did anything", RetryAdvice.Now);
    public static readonly FaultCode NoUpgrade = new("upstream/no-upgrade", FaultParty.Operator, 501, "The upstream has no way to switch protocols");
    public static readonly FaultCode UnexpectedUpgrade = new("upstream/unexpected-upgrade", FaultParty.Upstream, 502, "The endpoint switched to a protocol that was not asked for");

    /// <summary>Null for who has a place.</summary>
    public static Fault? NotAdmitted(Entry entry, Admission admission, string upstream) => entry switch
    {
        Entry.Full => QueueFull.With($"Upstream '{upstream}' has {admission.Taken} requests, its limit, and {admission.Waiting} wait.", s_wait),
        Entry.Late => QueueTimeout.With($"None of the {admission.Places} places of upstream '{upstream}' became free in time.", s_wait),
        Entry.Gone => ClientGone.With("The client left while it waited for a place."),
        _ => null,
    };

    /// <summary>Nobody is left to read the answer; the status is nginx's, for the log.</summary>
    public static readonly FaultCode ClientGone = new("client/gone", FaultParty.Client, 499, "The client left before the answer", RetryAdvice.IfIdempotent);

    /// <summary>A connection that could not be opened, for another reason than its time.</summary>
    public static Fault OfConnect(string address, Exception e) => e switch
    {
        SocketException { SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable } none
            => NoSocket.With($"A socket could not be made ({none.SocketErrorCode}); raise the limit of open files or lower limits.connections."),
        AuthenticationException => TlsFailed.With($"{address}: {e.Message}."),
        _ => ConnectFailed.With($"{address}: {Describe(e)}."),
    };

    public static string Describe(Exception e) => (e.InnerException as SocketException ?? e) switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => "connection refused",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => "the name does not resolve",
        SocketException { SocketErrorCode: SocketError.HostUnreachable or SocketError.NetworkUnreachable } => "no route to it",
        SocketException { SocketErrorCode: SocketError.ConnectionReset } => "connection reset",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "no such socket or address",
        SocketException socket => $"socket error {socket.SocketErrorCode}",
        _ => "the connection was closed",
    };
}
