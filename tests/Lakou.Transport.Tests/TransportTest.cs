using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Connections.Features;

namespace Lakou.Transport.Tests;

/// <summary>What every transport must do. A transport runs it by deriving one class.</summary>
public abstract partial class TransportConformance : IAsyncLifetime
{
    // A guard against hanging, far above what the slowest machine needs.
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(90);

    private readonly CancellationTokenSource _guard = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly ConcurrentStack<IAsyncDisposable> _toDispose = new();

    protected CancellationToken Stop => _guard.Token;

    /// <summary>A new transport, with blocks of its own.</summary>
    protected abstract LakouTransport CreateTransport(TransportOptions options);

    public ValueTask InitializeAsync()
    {
        _guard.CancelAfter(Guard);
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        while (_toDispose.TryPop(out var one))
        {
            await one.DisposeAsync();
        }

        _guard.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A connection with both ends in hand.</summary>
    private async Task<Pair> ConnectAsync(TransportOptions? options = null)
    {
        var transport = CreateTransport(options ?? new TransportOptions());
        var listener = await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Stop);
        var accepting = listener.AcceptAsync(Stop);
        var peer = await Peer.ConnectAsync(listener.EndPoint, Stop);
        var connection = await accepting;
        Assert.NotNull(connection);
        var pair = new Pair(transport, listener, connection, peer);
        _toDispose.Push(pair);
        return pair;
    }

    /// <summary>Serves every connection of a listener with <paramref name="serve"/>, then disposes it.</summary>
    private static async Task<int> ServeAsync(IConnectionListener listener, Func<ConnectionContext, Task> serve)
    {
        var running = new List<Task>();
        while (await listener.AcceptAsync() is { } connection)
        {
            running.Add(Task.Run(async () =>
            {
                await using (connection)
                {
                    await serve(connection);
                }
            }));
        }

        await Task.WhenAll(running);
        return running.Count;
    }

    private static async Task EchoAsync(ConnectionContext connection)
    {
        await connection.Transport.Input.CopyToAsync(connection.Transport.Output);
        await connection.Transport.Output.CompleteAsync();
    }

    private async Task<ReadResult> ReadAtLeastAsync(ConnectionContext connection, int count)
        => await connection.Transport.Input.ReadAtLeastAsync(count, Stop);

    private Task ClosedAsync(ConnectionContext connection)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionClosed.Register(closed.SetResult);
        return closed.Task.WaitAsync(Stop);
    }

    /// <summary>For what the kernel or another thread does on its own and nobody signals.</summary>
    private async Task EventuallyAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Stop);
        }
    }

    private static IHalfCloseFeature HalfClose(ConnectionContext connection) => connection.Features.GetRequiredFeature<IHalfCloseFeature>();

    private static Socket SocketOf(ConnectionContext connection) => connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;

    private sealed record Pair(LakouTransport Transport, IConnectionListener Listener, ConnectionContext Connection, Peer Peer) : IAsyncDisposable
    {
        public PipeReader Input => Connection.Transport.Input;

        public PipeWriter Output => Connection.Transport.Output;

        public async ValueTask DisposeAsync()
        {
            Peer.Dispose();
            await Connection.DisposeAsync();
            await Listener.DisposeAsync();
            await Transport.DisposeAsync();
        }
    }
}
