using System.Net;
using System.Net.Sockets;
using Lakou.Transport.Blocks;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Uring;

/// <summary>Connections on event loops of io_uring, one loop a core.</summary>
internal sealed class UringTransport : LakouTransport
{
    private readonly Loop[] _loops;
    private readonly Lock _placesGate = new();
    private readonly List<UringListener> _waiting = [];
    private readonly StallWatch _watch;
    private int _places;
    private int _nextLoop;
    private int _nextListener;
    private int _disposed;

    /// <exception cref="PlatformNotSupportedException">The kernel does not have it; the message says why.</exception>
    public UringTransport(TransportOptions options, ILogger log)
    {
        Options = options;
        Log = log;
        _places = options.ConnectionsMax;
        var count = options.Loops > 0 ? Math.Min(options.Loops, TransportOptions.LoopsMax) : Environment.ProcessorCount;
        _loops = new Loop[count];
        for (var i = 0; i < count; i++)
        {
            _loops[i] = new Loop(i, Pool, options, log);
            _loops[i].Start();
        }

        _watch = new StallWatch(_loops, log);
    }

    public override TransportKind Kind => TransportKind.IoUring;

    public override int Loops => _loops.Length;

    public override int CurrentLoop => Loop.Current is { } loop && loop.Options == Options ? loop.Number : -1;

    public override long Stalls => _watch.Stalls;

    public TransportOptions Options { get; }

    public ILogger Log { get; }

    public BlockPool Pool { get; } = new();

    internal override int OutstandingBlocks => Pool.Outstanding - _loops.Sum(loop => loop.IdleBlocks);

    /// <summary>Connections that may still be accepted.</summary>
    public int PlacesLeft => Volatile.Read(ref _places);

    public override ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (socket, isShared) = endpoint is ListenSocketEndPoint shared
            ? (shared.ListenSocket, true)
            : (ListenSocket.Bind(endpoint, Options), false);
        var loop = _loops[(uint)Interlocked.Increment(ref _nextListener) % (uint)_loops.Length];
        return new(new UringListener(this, loop, socket, isShared));
    }

    public override async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var loop = CurrentLoop is >= 0 and var current ? _loops[current] : NextLoop();
        if (endpoint is not DnsEndPoint name)
        {
            return await ConnectAsync(loop, endpoint, cancellationToken);
        }

        SocketException? last = null;
        foreach (var address in await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken))
        {
            try
            {
                return await ConnectAsync(loop, new IPEndPoint(address, name.Port), cancellationToken);
            }
            catch (SocketException e)
            {
                last = e;
            }
        }

        throw last ?? new SocketException((int)SocketError.NoData);
    }

    public Loop NextLoop() => _loops[(uint)Interlocked.Increment(ref _nextLoop) % (uint)_loops.Length];

    public void TakePlace() => Interlocked.Decrement(ref _places);

    public void ReleasePlace()
    {
        Interlocked.Increment(ref _places);
        lock (_placesGate)
        {
            foreach (var listener in _waiting)
            {
                listener.TryAgain();
            }

            _waiting.Clear();
        }
    }

    /// <summary>The listener tries again when a connection has closed.</summary>
    public void WaitForPlace(UringListener listener)
    {
        lock (_placesGate)
        {
            _waiting.Add(listener);
        }

        if (PlacesLeft > 0)
        {
            listener.TryAgain(); // one closed meanwhile
        }
    }

    public void NoLongerWaits(UringListener listener)
    {
        lock (_placesGate)
        {
            _waiting.Remove(listener);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _watch.Dispose();
            await Task.WhenAll(_loops.Select(loop => loop.StopAsync()));
        }
    }

    private async ValueTask<ConnectionContext> ConnectAsync(Loop loop, EndPoint endPoint, CancellationToken cancellationToken)
    {
        var connection = new UringConnection(this, loop, holdsPlace: false);
        await connection.ConnectAsync(endPoint, cancellationToken);
        return connection;
    }
}
