using System.Diagnostics;
using System.Net;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Observation;

/// <summary>
/// The life of one request in the gateway: what filters, forwarding, access log, metrics and traces share.
/// Reused by its connection, one request at a time; not for two threads at once.
/// </summary>
public sealed partial class Exchange : IByteCounts
{
    /// <summary>Null while the head is read, and for a head that was refused.</summary>
    public HttpContext? Context { get; set; }

    /// <summary>Name of the listener; kept by <see cref="Reset"/>, as are the protocol, the scheme and the client's address.</summary>
    public string Listener { get; set; } = "";

    /// <summary>Name of the matched route.</summary>
    public string? Route { get; set; }

    /// <summary>The path of the matched route as written in the configuration: <c>/orders/**</c>.</summary>
    public string? RouteTemplate { get; set; }

    public string? Upstream { get; set; }

    /// <summary>Address of the endpoint that answered, or of the last one tried.</summary>
    public string? Endpoint { get; set; }

    /// <summary>What ended the exchange instead of an answer of the upstream.</summary>
    public Fault? Fault { get; set; }

    public string? RequestId { get; set; }

    public TraceContext Trace { get; set; }

    /// <summary>First byte of the head, as a timestamp of the <see cref="TimeProvider"/>.</summary>
    public long Started { get; set; }

    /// <summary>From the first byte of the head to its last.</summary>
    public TimeSpan Head { get; set; }

    /// <summary>Waiting for a place at the upstream.</summary>
    public TimeSpan Queue { get; set; }

    /// <summary>Opening a connection to the endpoint; zero when a pooled one was there.</summary>
    public TimeSpan Connect { get; set; }

    /// <summary>From the request's first byte to the upstream until the first byte of its answer.</summary>
    public TimeSpan FirstByte { get; set; }

    /// <summary>From <see cref="Started"/> to the last byte of the answer.</summary>
    public TimeSpan Total { get; set; }

    /// <summary>Bytes of the request body, without framing.</summary>
    public long BytesIn { get; set; }

    /// <summary>Bytes of the response body, without framing.</summary>
    public long BytesOut { get; set; }

    /// <summary>Requests sent upstream for this one; 0 when it was answered here.</summary>
    public int Attempts { get; set; }

    /// <summary>The client left before the answer was complete.</summary>
    public bool ClientGone { get; set; }

    /// <summary>Status sent to the client; 0 when none was.</summary>
    public int Status { get; set; }

    /// <summary>Of a gRPC call, as the endpoint or a fault said it.</summary>
    public string? GrpcStatus { get; set; }

    public string Method { get; set; } = "";

    /// <summary>The path that was matched, without the query.</summary>
    public string Path { get; set; } = "";

    /// <summary><c>HTTP/1.1</c>, <c>HTTP/2</c>, …</summary>
    public string Protocol { get; set; } = "";

    /// <summary><c>http</c> or <c>https</c>, as the client spoke.</summary>
    public string Scheme { get; set; } = "http";

    /// <summary>Null on a Unix socket.</summary>
    public IPAddress? ClientAddress { get; set; }

    /// <summary>Where this exchange is counted; null until a route, or none, was found.</summary>
    internal RouteMetrics? RouteMetrics { get; set; }

    /// <summary>The span of this exchange, when someone records.</summary>
    internal Activity? Activity { get; set; }

    /// <summary>Counted in <c>http.server.active_requests</c>, so to be taken off there.</summary>
    internal bool CountedActive { get; set; }

    /// <summary>Ready for the next request of the same connection.</summary>
    public void Reset()
    {
        Context = null;
        Route = RouteTemplate = Upstream = Endpoint = RequestId = GrpcStatus = null;
        Fault = null;
        Trace = default;
        Started = 0;
        Head = Queue = Connect = FirstByte = Total = TimeSpan.Zero;
        BytesIn = BytesOut = 0;
        Attempts = Status = 0;
        ClientGone = false;
        Method = Path = "";
        RouteMetrics = null;
        Activity = null;
        CountedActive = false;
        ResetGateway();
    }
}
