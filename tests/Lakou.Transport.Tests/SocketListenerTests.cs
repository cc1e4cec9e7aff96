using System.Net;
using System.Net.Sockets;
using Lakou.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Tests;

public sealed class SocketListenerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Running_out_of_descriptors_waits_longer_each_time_and_is_logged_once()
    {
        var time = new ManualTime();
        var log = new CountingLog();
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var attempts = 0;
        await using var listener = Listener(time, log, _ => ++attempts <= 6
            ? throw new SocketException((int)SocketError.TooManyOpenSockets)
            : ValueTask.FromResult(peer));
        var accepting = listener.AcceptAsync(Stop).AsTask();
        var pauses = new List<double>();
        for (var i = 0; i < 6; i++)
        {
            Assert.False(accepting.IsCompleted);
            pauses.Add((await time.FireNextTimerAsync(Stop)).TotalMilliseconds);
        }

        await using var connection = await accepting;
        Assert.NotNull(connection);
        Assert.Equal([100, 200, 400, 800, 1000, 1000], pauses);
        Assert.Equal(7, attempts);
        Assert.Equal(1, log.Errors);
    }

    [Fact]
    public async Task A_connection_that_died_in_the_queue_is_passed_over_at_once()
    {
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var attempts = 0;
        var log = new CountingLog();
        await using var listener = Listener(new ManualTime(), log, _ => ++attempts <= 100
            ? throw new SocketException((int)SocketError.ConnectionAborted)
            : ValueTask.FromResult(peer));
        await using var connection = await listener.AcceptAsync(Stop);
        Assert.NotNull(connection);
        Assert.Equal(0, log.Errors);
    }

    [Fact]
    public async Task Unbinding_ends_a_pause()
    {
        await using var listener = Listener(new ManualTime(), new CountingLog(), _ => throw new SocketException((int)SocketError.TooManyOpenSockets));
        var accepting = listener.AcceptAsync(Stop).AsTask();
        await listener.UnbindAsync(Stop);
        Assert.Null(await accepting);
    }

    [Fact]
    public async Task A_connection_that_the_kernel_handed_over_while_unbinding_is_served()
    {
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var handedOver = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var listener = Listener(new ManualTime(), new CountingLog(), _ => new ValueTask<Socket>(handedOver.Task));
        var accepting = listener.AcceptAsync(Stop).AsTask();
        await listener.UnbindAsync(Stop);
        handedOver.SetResult(peer);
        await using var connection = await accepting;
        Assert.NotNull(connection);
        Assert.Null(await listener.AcceptAsync(Stop));
    }

    private static SocketListener Listener(ManualTime time, CountingLog log, Func<CancellationToken, ValueTask<Socket>> accept)
        => new(new IPEndPoint(IPAddress.Loopback, 1), accept, new SocketConnectionFactory(new TransportOptions { Time = time }, log));

    private sealed class CountingLog : ILogger
    {
        public int Errors { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Errors += logLevel == LogLevel.Error ? 1 : 0;
    }
}
