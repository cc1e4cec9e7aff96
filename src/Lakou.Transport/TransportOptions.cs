using System.IO.Pipelines;

namespace Lakou.Transport;

/// <summary>What a <see cref="LakouTransport"/> is and does. Immutable; the defaults fit a server that faces a network.</summary>
public sealed record TransportOptions
{
    /// <summary>How bytes are moved.</summary>
    public TransportKind Kind { get; init; } = TransportKind.Auto;

    /// <summary>More loops than any machine has use for.</summary>
    public const int LoopsMax = 256;

    /// <summary>Event loops of io_uring; 0 for one a core, at most <see cref="LoopsMax"/>.</summary>
    public int Loops { get; init; }

    /// <summary>Finished handshakes that the kernel keeps until they are accepted. The kernel caps it at <c>net.core.somaxconn</c>.</summary>
    public int Backlog { get; init; } = 512; // Kestrel's; nginx has 511

    /// <summary>Accepted connections that are open at a time; more wait in the kernel's queue, where they cost no descriptor. 1 or more.</summary>
    public int ConnectionsMax { get; init; } = int.MaxValue;

    /// <summary>Sends small segments at once (TCP_NODELAY).</summary>
    public bool NoDelay { get; init; } = true;

    /// <summary>Lets the kernel probe silent peers (SO_KEEPALIVE), at the intervals of the system, so that vanished ones are found in the end.</summary>
    public bool KeepAlive { get; init; } = true;

    /// <summary>How long sent bytes may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT, RFC 5482); zero for the system's time, a quarter of an hour.</summary>
    public TimeSpan UserTimeout { get; init; }

    /// <summary>Received bytes a connection may hold unread before it stops receiving. It goes on at half of it. 1 or more.</summary>
    public long InputPauseBytes { get; init; } = 64 * 1024; // nginx proxies with 8 buffers of 8 KiB; Kestrel allows 1 MiB, which a slow upstream would fill for every upload

    /// <summary>Written bytes a connection may hold unsent before a flush waits. It goes on at half of it. 1 or more.</summary>
    public long OutputPauseBytes { get; init; } = 64 * 1024; // Kestrel's MaxWriteBufferSize

    /// <summary>How long disposing a connection may take to send what was flushed, before the connection is reset.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(30); // nginx's lingering_time

    /// <summary>
    /// How long a connection waits, after its FIN, for the peer's. Closing at once while the peer still sends makes the kernel
    /// answer with RST, which may destroy the end of the answer before the peer has read it (RFC 9112 §9.6).
    /// </summary>
    public TimeSpan LingerTime { get; init; } = TimeSpan.FromMilliseconds(500); // Go's rstAvoidanceDelay

    /// <summary>
    /// Where code that waits for input goes on. <see cref="PipeScheduler.Inline"/>: at once on the thread that received, itself one of the
    /// thread pool; code that then blocks it until more input of the same connection comes waits for ever, so this is only for code that never blocks.
    /// </summary>
    // CPU per request of inline to that of the pool, Kestrel's hello world on one core, 16 to 64 connections: 0.85 to 1.1 over the runs
    // (the pool's batches spare wakes of the event loop). Not enough to forbid every application to block.
    public PipeScheduler ApplicationScheduler { get; init; } = PipeScheduler.ThreadPool;

    /// <summary>Clock of receive timestamps, and of every wait.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
