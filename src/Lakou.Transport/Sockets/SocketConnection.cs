using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Sockets;

/// <summary>
/// A connected socket between two pipes and two loops.
/// <code>
///             receive loop → input pipe  → Transport.Input
///   socket                                                  application
///             send loop    ← output pipe ← Transport.Output
///
///   end of …       seen as                              ConnectionClosed
///   peer's FIN     input completes                      fires; when KeepOpenOnPeerFin, once sending has ended too
///   peer's RST     input: ConnectionResetException      fires
///   Abort          input: the reason; RST to the peer   fires
///   our sending    FIN to the peer, output completes    fires, when KeepOpenOnPeerFin and receiving has ended too
///   DisposeAsync   the rest is sent, FIN, close         fires
/// </code>
/// </summary>
internal sealed partial class SocketConnection : ConnectionContext
{
    private readonly Socket _socket;
    private readonly SocketConnectionFactory _shared;
    private readonly bool _holdsPlace;
    private readonly Pipe _input;
    private readonly Pipe _output;
    private readonly CancellationTokenSource _closed = new();
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private Exception? _abortReason;
    private int _endedDirections;
    private int _closedFired;
    private int _disposed;

    public SocketConnection(Socket socket, SocketConnectionFactory shared, bool holdsPlace)
    {
        _socket = socket;
        _shared = shared;
        _holdsPlace = holdsPlace;
        _input = new Pipe(shared.InputPipe);
        _output = new Pipe(shared.OutputPipe);
        LocalEndPoint = AddressOrNull(static s => s.LocalEndPoint);
        RemoteEndPoint = AddressOrNull(static s => s.RemoteEndPoint);
        ConnectionClosed = _closed.Token;
        Transport = new DuplexPipe(_input.Reader, _output.Writer);
        Features = CreateFeatures();
    }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override IFeatureCollection Features { get; }

    public void Start()
    {
        _sending = SendLoopAsync();
        _receiving = ReceiveLoopAsync();
    }

    /// <summary>Closes with RST, at once; what is not sent yet is lost.</summary>
    public override void Abort(ConnectionAbortedException abortReason) => CloseWithReset(abortReason);

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the application."));

    /// <summary>Sends what was flushed, then FIN, then closes; see the options for how long each may take. Never throws.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await Task.WhenAll(_sending, _receiving);
            await base.DisposeAsync();
            return;
        }

        // 1. The application is done: the send loop sends the rest and FIN, the receive loop only waits for the end.
        _input.Reader.Complete();
        _output.Writer.Complete();
        if (!await EndsWithin(_sending, _shared.Options.CloseTimeout))
        {
            CloseWithReset(new ConnectionAbortedException("The peer did not take the rest in time."));
        }

        // 2. The peer ends too, or has had the time to.
        await EndsWithin(_receiving, _shared.Options.LingerTime);

        // 3. Close. Both loops end on a closed socket.
        CloseSocket();
        await _sending;
        await _receiving;
        _gather?.Dispose();
        if (_holdsPlace)
        {
            _shared.Places.Release();
        }

        FireClosed();
        await base.DisposeAsync();
    }

    private async ValueTask<bool> EndsWithin(Task loop, TimeSpan limit)
    {
        if (loop.IsCompleted)
        {
            return true;
        }

        try
        {
            await loop.WaitAsync(limit, _shared.Options.Time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void CloseWithReset(Exception reason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, reason, null) is not null)
        {
            return;
        }

        try
        {
            _socket.LingerState = new LingerOption(enable: true, seconds: 0); // close then sends RST
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already closed, or by the peer: nothing is left to reset.
        }

        CloseSocket();
        _output.Reader.CancelPendingRead();
        _input.Writer.CancelPendingFlush();
    }

    private void CloseSocket()
    {
        try
        {
            _socket.Dispose();
        }
        catch (SocketException e)
        {
            _shared.Log.LogDebug(e, "Closing {ConnectionId} failed", ConnectionId);
        }
    }

    private void EndDirection(bool closesConnection)
    {
        if (Interlocked.Increment(ref _endedDirections) == 2 || closesConnection)
        {
            FireClosed();
        }
    }

    // On the thread pool: whoever registered may block, or call back into this connection.
    private void FireClosed()
    {
        if (Interlocked.Exchange(ref _closedFired, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.RunClosed(), this, preferLocal: false);
        }
    }

    private void RunClosed()
    {
        try
        {
            _closed.Cancel();
        }
        catch (Exception e)
        {
            _shared.Log.LogDebug(e, "A callback of ConnectionClosed failed on {ConnectionId}", ConnectionId);
        }
    }

    private EndPoint? AddressOrNull(Func<Socket, EndPoint?> read)
    {
        try
        {
            return read(_socket);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null; // the peer has left between its handshake and our accept, or bound itself to what is no path
        }
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
