using Lakou.Core.Time;

namespace Lakou.Http.Server;

/// <summary>What a listener allows its HTTP/1.1 clients.</summary>
public sealed record Http1Options
{
    public required Sweeper Sweeper { get; init; }

    public HeadLimits HeadLimits { get; init; } = new();

    /// <summary>Bytes of a request body; a route may lower or raise it.</summary>
    public long BodyBytesMax { get; init; } = 100L << 20;

    /// <summary>From the first byte of a request (or the opening of the connection) to the end of its head.</summary>
    public TimeSpan HeadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Between two requests of one connection.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a new connection may take to send its first byte once the listener stops.</summary>
    public TimeSpan FirstRequestGrace { get; init; } = TimeSpan.FromSeconds(1); // a handshake's last packet and the request behind it, on a slow network

    /// <summary>Bytes a second that a body must keep up in either direction, after <see cref="RateGrace"/>.</summary>
    public int BodyRateMin { get; init; } = 240; // Kestrel's MinRequestBodyDataRate

    public TimeSpan RateGrace { get; init; } = TimeSpan.FromSeconds(5); // Kestrel's grace period

    /// <summary>How long the unread rest of a request is read and thrown away before the connection closes.</summary>
    public TimeSpan LingerTimeout { get; init; } = TimeSpan.FromSeconds(5); // nginx's lingering_timeout
}
