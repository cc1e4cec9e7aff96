using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Tests;

/// <summary>Whose call opened a connection. Afterwards both are the same.</summary>
public enum Opener
{
    Peer,
    Us,
}

/// <summary>What tests of transports share: transports that end with their test, connections with both ends in hand, waits with a guard.</summary>
public abstract class TransportTest : IAsyncLifetime
{
    // A guard against hanging, far above what the slowest machine needs.
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(90);

    private readonly CancellationTokenSource _guard = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly ConcurrentStack<IAsyncDisposable> _toDispose = new();

    public static TheoryData<Opener> Openers { get; } = [Opener.Peer, Opener.Us];

    protected static IPEndPoint AnyLoopback { get; } = new(IPAddress.Loopback, 0);

    protected CancellationToken Stop => _guard.Token;

    /// <summary>Makes options those of the transport under test.</summary>
    protected abstract TransportOptions Choose(TransportOptions options);

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

    /// <summary>For a test that is run by name and is long.</summary>
    private protected void MayTake(TimeSpan time) => _guard.CancelAfter(time);

    /// <summary>A new transport, with blocks of its own.</summary>
    private protected LakouTransport CreateTransport(TransportOptions? options = null)
        => EndsWithTest(LakouTransport.Start(Choose(options ?? new TransportOptions())));

    private protected T EndsWithTest<T>(T one)
        where T : IAsyncDisposable
    {
        _toDispose.Push(one);
        return one;
    }

    /// <summary>A connection with both ends in hand.</summary>
    private protected async Task<Pair> ConnectAsync(Opener opener, TransportOptions? options = null)
    {
        var transport = CreateTransport(options);
        return EndsWithTest(await ConnectAsync(opener, transport));
    }

    private protected async Task<Pair> ConnectAsync(Opener opener, LakouTransport transport)
    {
        if (opener == Opener.Us)
        {
            using var listening = Listening();
            var dialling = transport.ConnectAsync(listening.LocalEndPoint!, Stop);
            var peer = new Peer(await listening.AcceptAsync(Stop));
            return new Pair(transport, await dialling, peer);
        }

        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var accepting = listener.AcceptAsync(Stop);
        var connecting = await Peer.ConnectAsync(listener.EndPoint, Stop);
        return new Pair(transport, (await accepting)!, connecting);
    }

    /// <summary>A plain listening socket, for a transport to dial.</summary>
    private protected static Socket Listening(EndPoint? endPoint = null, int backlog = 1024)
    {
        endPoint ??= AnyLoopback;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        socket.Bind(endPoint);
        socket.Listen(backlog);
        return socket;
    }

    /// <summary>Serves every connection of a listener with <paramref name="serve"/>, then disposes it.</summary>
    private protected static async Task<int> ServeAsync(IConnectionListener listener, Func<ConnectionContext, Task> serve)
    {
        var running = new ConcurrentDictionary<Task, bool>();
        var count = 0;
        while (await listener.AcceptAsync() is { } connection)
        {
            count++;
            var one = Task.Run(async () =>
            {
                await using (connection)
                {
                    await serve(connection);
                }
            });
            running.TryAdd(one, true);
            _ = one.ContinueWith(done => done.IsCompletedSuccessfully && running.TryRemove(done, out _), TaskScheduler.Default); // failures stay, to be thrown
        }

        await Task.WhenAll(running.Keys);
        return count;
    }

    private protected static async Task EchoAsync(ConnectionContext connection)
    {
        await connection.Transport.Input.CopyToAsync(connection.Transport.Output);
        await connection.Transport.Output.CompleteAsync();
    }

    private protected async Task<ReadResult> ReadAtLeastAsync(ConnectionContext connection, int count)
        => await connection.Transport.Input.ReadAtLeastAsync(count, Stop);

    /// <summary>Reads to the end and checks each byte against its place in <see cref="Bytes.At"/>, counted from <paramref name="start"/>.</summary>
    private protected async Task<long> ReadPatternToEndAsync(ConnectionContext connection, long start = 0)
    {
        var total = 0L;
        for (; ; )
        {
            var read = await connection.Transport.Input.ReadAsync(Stop);
            foreach (var part in read.Buffer)
            {
                Bytes.AssertPattern(part.Span, start + total);
                total += part.Length;
            }

            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return total;
            }
        }
    }

    private protected Task ClosedAsync(ConnectionContext connection)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionClosed.Register(closed.SetResult);
        return closed.Task.WaitAsync(Stop);
    }

    /// <summary>For what the kernel or another thread does on its own and nobody signals.</summary>
    private protected async Task EventuallyAsync(
        Func<bool> condition, Func<string>? state = null, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        try
        {
            while (!condition())
            {
                await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Stop);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"This never came true: {what} {state?.Invoke()}");
        }
    }

    private protected static IHalfCloseFeature HalfClose(ConnectionContext connection) => connection.Features.GetRequiredFeature<IHalfCloseFeature>();

    private protected static Socket SocketOf(ConnectionContext connection) => connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;

    internal sealed record Pair(LakouTransport Transport, ConnectionContext Connection, Peer Peer) : IAsyncDisposable
    {
        public PipeReader Input => Connection.Transport.Input;

        public PipeWriter Output => Connection.Transport.Output;

        public async ValueTask DisposeAsync()
        {
            Peer.Dispose();
            await Connection.DisposeAsync();
        }
    }
}
