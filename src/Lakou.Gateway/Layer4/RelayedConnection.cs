using System.Net;
using Lakou.Core.Faults;

namespace Lakou.Gateway.Layer4;

/// <summary>The life of one connection or session of layer 4, for the access log and the count of faults.</summary>
internal sealed class RelayedConnection(string listener, string protocol, long started)
{
    public string Listener => listener;

    /// <summary><c>tcp</c> or <c>udp</c>.</summary>
    public string Protocol => protocol;

    /// <summary>A timestamp.</summary>
    public long Started => started;

    /// <summary>Null on a Unix socket.</summary>
    public IPAddress? Client { get; set; }

    /// <summary>The name that the client asked for by TLS, where anybody looked.</summary>
    public string? ServerName { get; set; }

    public string? Upstream { get; set; }

    /// <summary>The endpoint that serves, or the last one tried.</summary>
    public string? Endpoint { get; set; }

    /// <summary>Endpoints tried.</summary>
    public int Attempts { get; set; }

    /// <summary>Opening the connection to the endpoint, all attempts together.</summary>
    public TimeSpan Connect { get; set; }

    public TimeSpan Total { get; set; }

    /// <summary>From the client.</summary>
    public long BytesIn { get; set; }

    /// <summary>To the client.</summary>
    public long BytesOut { get; set; }

    /// <summary>What ended it early; null when both sides ended it.</summary>
    public Fault? Fault { get; set; }

    /// <summary>Over: counted and logged.</summary>
    public void Finish(GatewayState gateway)
    {
        Total = gateway.Time.GetElapsedTime(started);
        if (Fault is { Code: var code })
        {
            gateway.Metrics.Count(code);
        }

        gateway.AccessLog?.Write(this);
    }
}
