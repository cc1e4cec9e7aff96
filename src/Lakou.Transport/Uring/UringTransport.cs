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
    private readonly List<UringListener> _listeners = [];
    private readonly List<UringListener> _waiting = [];
    private readonly StallWatch _watch;
    private int _places;
    private int _nextLoop;
    private int _nextListener;
    private bool _disposed;

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
            var loop = new Loop(i, Pool, options);
            try
            {
                loop.Start();
            }
            catch (PlatformNotSupportedException)
            {
                foreach (var started in _loops[..i])
                {
                    _ = started.StopAsync();
                }

                throw;
            }

            _loops[i] = loop;
        }

        _watch = new StallWatch(_loops, log);
    }

    public override TransportKind Kind => TransportKind.IoUring;

    public override int Loops => _loops.Length;

    public override int CurrentLoop => Loop.Current is { } loop && ReferenceEquals(loop.Options, Options) ? loop.Number : -1;

    public override long Stalls => _watch.Stalls;

    public TransportOptions Options { get; }

    public ILogger Log { get; }

    public BlockPool Pool { get; } = new();

    internal override int OutstandingBlocks => Pool.Outstanding - _loops.Sum(loop => loop.IdleBlocks);

    /// <summary>
    /// So many places are left that every listener may accept all that its kernel has in its queue, twice: between the last place of
    /// the one and the end of its accepts come the others'.
    /// </summary>
    public bool HasManyPlaces => Volatile.Read(ref _places) > 2L * Options.Backlog * Math.Max(1, _listeners.Count);

    public override ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (socket, isShared) = endpoint is ListenSocketEndPoint shared
            ? (shared.ListenSocket, true)
            : (ListenSocket.Bind(endpoint, Options), false);
        var loop = _loops[(uint)Interlocked.Increment(ref _nextListener) % (uint)_loops.Length];
        lock (_placesGate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var listener = new UringListener(this, loop, socket, isShared);
            _listeners.Add(listener);
            return new(listener);
        }
    }

    public override async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
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

    /// <summary>False when there is none; the listener tries again when a connection has closed.</summary>
    public bool TryTakePlace(UringListener listener)
    {
        lock (_placesGate)
        {
            if (Interlocked.Decrement(ref _places) >= 0)
            {
                return true;
            }

            Interlocked.Increment(ref _places);
            _waiting.Add(listener);
            return false;
        }
    }

    public void ReleasePlace()
    {
        UringListener[] waiting;
        lock (_placesGate)
        {
            Interlocked.Increment(ref _places);
            waiting = _waiting.Count == 0 ? [] : [.. _waiting];
            _waiting.Clear();
        }

        Array.ForEach(waiting, static listener => listener.TryAgain());
    }

    public void Forget(UringListener listener)
    {
        lock (_placesGate)
        {
            _waiting.Remove(listener);
            _listeners.Remove(listener);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        UringListener[] listeners;
        lock (_placesGate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            listeners = [.. _listeners];
        }

        // Listeners first: they hand connections to other loops.
        foreach (var listener in listeners)
        {
            await listener.DisposeAsync();
        }

        _watch.Dispose();
        await Task.WhenAll(_loops.Select(loop => loop.StopAsync()));
    }

    private async ValueTask<ConnectionContext> ConnectAsync(Loop loop, EndPoint endPoint, CancellationToken cancellationToken)
    {
        var connection = new UringConnection(this, loop, holdsPlace: false);
        await connection.ConnectAsync(endPoint, cancellationToken);
        return connection;
    }
}
