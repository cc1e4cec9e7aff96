using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Sockets;

/// <summary>
/// Accepts from a listening socket, which it closes only when it is its own. There is no queue here: a connection is accepted when
/// the server asks for one, so that stopping cannot leave any behind.
/// </summary>
internal sealed class SocketListener : IConnectionListener
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly SocketConnectionFactory _connections;
    private readonly ListenSocket? _owned;
    private readonly Func<CancellationToken, ValueTask<Socket>> _accept;
    private readonly CancellationTokenSource _unbound = new();
    private TimeSpan _pause; // zero when accepting works

    public SocketListener(ListenSocket socket, bool isShared, SocketConnectionFactory connections)
        : this(socket.LocalEndPoint, socket.Socket.AcceptAsync, connections)
        => _owned = isShared ? null : socket;

    internal SocketListener(EndPoint endPoint, Func<CancellationToken, ValueTask<Socket>> accept, SocketConnectionFactory connections)
    {
        EndPoint = endPoint;
        _accept = accept;
        _connections = connections;
    }

    public EndPoint EndPoint { get; }

    /// <returns>Null when unbound. A connection that the kernel had already handed over when unbinding came is still returned.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        using var either = cancellationToken.CanBeCanceled
            ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _unbound.Token)
            : null;
        var stop = either?.Token ?? _unbound.Token;
        try
        {
            await _connections.Places.WaitAsync(stop);
        }
        catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
        {
            return null;
        }

        ConnectionContext? connection = null;
        try
        {
            return connection = await AcceptOneAsync(stop);
        }
        finally
        {
            if (connection is null)
            {
                _connections.Places.Release();
            }
        }
    }

    private async ValueTask<ConnectionContext?> AcceptOneAsync(CancellationToken stop)
    {
        while (!_unbound.IsCancellationRequested)
        {
            try
            {
                var socket = await _accept(stop);
                Recovered();
                return _connections.Start(socket, holdsPlace: true);
            }
            catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
            {
                break;
            }
            catch (ObjectDisposedException)
            {
                break; // the ListenSocket was closed
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.OperationAborted or SocketError.InvalidArgument)
            {
                break; // the same, with an accept under way, or between its shutdown and its close (EINVAL: it does not listen)
            }
            catch (SocketException e) when (ConcernsOneConnection(e.SocketErrorCode))
            {
                _connections.Log.LogDebug(e, "A connection to {EndPoint} ended before it was accepted", EndPoint);
            }
            catch (SocketException e)
            {
                await PauseAsync(e, stop);
            }
        }

        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound.Cancel();
        _owned?.Dispose();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    // accept(2): errors already pending on the new socket come out of accept and must be treated like EAGAIN.
    private static bool ConcernsOneConnection(SocketError error) => error is
        SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.Interrupted or SocketError.TimedOut
        or SocketError.NetworkDown or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.HostUnreachable
        or SocketError.ProtocolOption or SocketError.OperationNotSupported or SocketError.AccessDenied;

    // Out of file descriptors (EMFILE, ENFILE) or kernel memory: trying again at once would spin, giving up would kill the listener.
    private async Task PauseAsync(SocketException error, CancellationToken stop)
    {
        if (_pause == TimeSpan.Zero)
        {
            _connections.Log.LogError(error, "Cannot accept connections on {EndPoint}; trying again until it works", EndPoint);
        }

        _pause = _pause == TimeSpan.Zero ? FirstPause : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LongestPause.Ticks));
        try
        {
            await Task.Delay(_pause, _connections.Options.Time, stop);
        }
        catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
        {
        }
    }

    private void Recovered()
    {
        if (_pause != TimeSpan.Zero)
        {
            _pause = TimeSpan.Zero;
            _connections.Log.LogInformation("Accepting connections on {EndPoint} again", EndPoint);
        }
    }
}
