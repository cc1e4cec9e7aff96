using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

/// <summary>Where a conversation is when something breaks it.</summary>
public enum Step
{
    BeforeTheFirstByte,
    WhileAReadWaits,
    WithARequestReadInPart,
    BetweenWriteAndFlush,
    WhileAFlushWaits,
    WithAnAnswerReadInPart,
    AfterOurEnd,
    AfterThePeersEnd,
    WhileDisposing,
}

public abstract partial class TransportConformance
{
    private const int MoreThanKernelsBuffer = 64 * 1024 * 1024;

    public static TheoryData<Opener, Step> StepsOfOpeners { get; } =
        [.. from opener in Enum.GetValues<Opener>() from step in Enum.GetValues<Step>() select (opener, step)];

    [Theory, MemberData(nameof(StepsOfOpeners))]
    public async Task A_peer_that_resets_ends_everything_at_any_step(Opener opener, Step step)
    {
        var pair = await ConnectAsync(opener);
        var closed = ClosedAsync(pair.Connection);
        var conversation = await ConverseUntilAsync(pair, step);
        pair.Peer.Reset();
        await closed;
        await EndsAsync(pair, conversation, error =>
        {
            // The kernel tells a reset once, to whoever asks first. Told to a send, it looks like the end of the stream to a receive.
            Assert.True(error is ConnectionResetException || (error is null && conversation.Flushing is not null), $"{error}");
        });
    }

    [Theory, MemberData(nameof(StepsOfOpeners))]
    public async Task An_application_that_aborts_ends_everything_at_any_step(Opener opener, Step step)
    {
        var pair = await ConnectAsync(opener);
        var closed = ClosedAsync(pair.Connection);
        var conversation = await ConverseUntilAsync(pair, step);
        pair.Connection.Abort(new ConnectionAbortedException("enough"));
        await closed;
        if (step == Step.AfterOurEnd)
        {
            await SendUntilBrokenAsync(pair.Peer); // the end came first, and is what the peer reads
        }
        else
        {
            var error = await Assert.ThrowsAsync<SocketException>(async () => await ReceiveToEndAsync(pair.Peer));
            Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
        }

        await EndsAsync(pair, conversation, static error => Assert.Equal("enough", Assert.IsType<ConnectionAbortedException>(error).Message));
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_peer_that_closes_while_we_write_ends_the_writing(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var closed = ClosedAsync(pair.Connection);
        var writing = WriteWithoutEndAsync(pair.Output);
        await pair.Peer.ReceiveAsync(100_000, Stop);
        pair.Peer.Dispose();
        await writing;
        await closed;
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, pair.Transport.OutstandingBlocks);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_tunnel_learns_from_its_writes_that_the_peer_has_gone(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = true;
        var closed = ClosedAsync(pair.Connection);
        pair.Peer.Dispose();
        Assert.Equal(0, await ReadPatternToEndAsync(pair.Connection));
        await WriteWithoutEndAsync(pair.Output);
        await closed;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task An_answer_that_failed_is_cut_and_not_ended(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await pair.Output.WriteAsync(new byte[100], Stop);
        await pair.Peer.ReceiveAsync(100, Stop);
        await pair.Output.CompleteAsync(new InvalidOperationException("a bug in the application"));
        var error = await Assert.ThrowsAsync<SocketException>(async () => await ReceiveToEndAsync(pair.Peer));
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task An_application_that_reads_no_more_can_still_send(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await pair.Input.CompleteAsync(new InvalidOperationException("enough read"));
        var sending = pair.Peer.SendAsync(new byte[MoreThanKernelsBuffer], Stop); // taken, and thrown away
        await pair.Output.WriteAsync(Bytes.Make(0, 100_000), Stop);
        await pair.Output.CompleteAsync();
        Assert.Equal(100_000, await pair.Peer.ReceivePatternToEndAsync(Stop));
        await sending;
        pair.Peer.EndSending();
        await ClosedAsync(pair.Connection);
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, pair.Transport.OutstandingBlocks);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Abort_after_everything_has_ended_is_nothing(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        pair.Peer.EndSending();
        await pair.Connection.DisposeAsync();
        pair.Connection.Abort();
        await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = false;
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, await pair.Peer.ReceivePatternToEndAsync(Stop));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Abort_may_race_with_everything(int seed)
    {
        var random = new Random(seed);
        var transport = CreateTransport();
        for (var round = 0; round < 25; round++)
        {
            await using var pair = await ConnectAsync(round % 2 == 0 ? Opener.Peer : Opener.Us, transport);
            var peer = Task.WhenAll(SendUntilBrokenAsync(pair.Peer), ReceiveUntilBrokenAsync(pair.Peer));
            var reading = ReadUntilBrokenAsync(pair.Connection);
            var writing = WriteWithoutEndAsync(pair.Output);
            var first = AfterSpinning(pair.Connection.Abort);
            var (what, act) = random.Next(6) switch
            {
                0 => ("Abort", pair.Connection.Abort),
                1 => ("CancelPendingRead", pair.Input.CancelPendingRead),
                2 => ("CancelPendingFlush", pair.Output.CancelPendingFlush),
                3 => ("KeepOpenOnPeerFin", () => HalfClose(pair.Connection).KeepOpenOnPeerFin = true),
                4 => ("ShutdownSend", () => _ = HalfClose(pair.Connection).ShutdownSendAsync(Stop).AsTask()),
                _ => ((string, Action))("the peer's reset", pair.Peer.Reset),
            };
            var second = AfterSpinning(act);
            await EventuallyAsync(
                () => reading.IsCompleted && writing.IsCompleted && first.IsCompleted && second.IsCompleted,
                () => $"in round {round}, with {what}: reading is {reading.Status}, writing {writing.Status}");
            await Task.WhenAll(first, second, reading, writing);
            var third = AfterSpinning(pair.Connection.Abort);
            await pair.Connection.DisposeAsync();
            await third;
            Assert.True(pair.Connection.ConnectionClosed.IsCancellationRequested || await FiresAsync(pair.Connection));
            pair.Peer.Dispose();
            await peer;
        }

        Assert.Equal(0, transport.OutstandingBlocks);

        Task AfterSpinning(Action act)
        {
            var spins = random.Next(3) == 0 ? 0 : random.Next(100_000);
            return Task.Run(() =>
            {
                Thread.SpinWait(spins);
                act();
            }, Stop);
        }

        async Task<bool> FiresAsync(ConnectionContext connection)
        {
            await ClosedAsync(connection);
            return true;
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public async Task Dispose_may_come_while_a_read_and_a_flush_wait_and_others_abort(int seed)
    {
        var random = new Random(seed);
        var transport = CreateTransport(new TransportOptions { CloseTimeout = TimeSpan.FromMilliseconds(20), LingerTime = TimeSpan.FromMilliseconds(20) });
        for (var round = 0; round < 20; round++)
        {
            await using var pair = await ConnectAsync(round % 2 == 0 ? Opener.Peer : Opener.Us, transport);
            var reading = pair.Input.ReadAsync(Stop).AsTask();
            pair.Output.Write(new byte[16 * 1024 * 1024]);
            var flushing = pair.Output.FlushAsync(Stop).AsTask();
            var spins = random.Next(200_000);
            var aborting = random.Next(2) == 0 ? Task.CompletedTask : Task.Run(() =>
            {
                Thread.SpinWait(spins);
                pair.Connection.Abort();
            }, Stop);
            var disposing = Task.WhenAll(Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Task.Run(async () => await pair.Connection.DisposeAsync(), Stop)));
            await disposing.WaitAsync(Stop);
            await aborting;
            await Record.ExceptionAsync(() => flushing.WaitAsync(Stop));
            await Record.ExceptionAsync(() => reading.WaitAsync(Stop));
            Stop.ThrowIfCancellationRequested();
        }

        Assert.Equal(0, transport.OutstandingBlocks);
    }

    /// <summary>Goes on until <paramref name="step"/>, and hands over what waits there.</summary>
    private async Task<Conversation> ConverseUntilAsync(Pair pair, Step step)
    {
        switch (step)
        {
            case Step.BeforeTheFirstByte:
                return new();
            case Step.WhileAReadWaits:
                return new(Reading: pair.Input.ReadAsync(Stop).AsTask());
            case Step.WithARequestReadInPart:
                await pair.Peer.SendAsync(Bytes.Make(0, 10_000), Stop);
                var read = await ReadAtLeastAsync(pair.Connection, 10_000);
                pair.Input.AdvanceTo(read.Buffer.GetPosition(5_000), read.Buffer.End);
                return new(Reading: pair.Input.ReadAsync(Stop).AsTask());
            case Step.BetweenWriteAndFlush:
                pair.Output.Write(Bytes.Make(0, 10_000));
                return new();
            case Step.WhileAFlushWaits:
                return new(Flushing: FlushMuch(pair));
            case Step.WithAnAnswerReadInPart:
                var flushing = FlushMuch(pair);
                await pair.Peer.ReceiveAsync(10_000, Stop);
                return new(Flushing: flushing);
            case Step.AfterOurEnd:
                await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
                return new(Reading: pair.Input.ReadAsync(Stop).AsTask());
            case Step.AfterThePeersEnd:
                HalfClose(pair.Connection).KeepOpenOnPeerFin = true;
                pair.Peer.EndSending();
                Assert.Equal(0, await ReadPatternToEndAsync(pair.Connection));
                return new(IsInputEnded: true, Flushing: FlushMuch(pair));
            default:
                var rest = FlushMuch(pair);
                return new(Flushing: rest, Disposing: pair.Connection.DisposeAsync().AsTask());
        }
    }

    private Task<FlushResult> FlushMuch(Pair pair)
    {
        pair.Output.Write(new byte[MoreThanKernelsBuffer]);
        var flushing = pair.Output.FlushAsync(Stop).AsTask();
        Assert.False(flushing.IsCompleted);
        return flushing;
    }

    /// <summary>What waits ends, what comes later fails as a pipe does, and nothing stays.</summary>
    private async Task EndsAsync(Pair pair, Conversation conversation, Action<Exception?> assertError)
    {
        if (conversation.Flushing is { } flushing)
        {
            Assert.True((await flushing.WaitAsync(Stop)).IsCompleted);
        }

        if (conversation.Reading is { } reading)
        {
            assertError(await Record.ExceptionAsync(() => reading.WaitAsync(Stop)));
        }
        else if (!conversation.IsInputEnded && conversation.Disposing is null)
        {
            assertError(await Record.ExceptionAsync(async () => await ReadPatternToEndAsync(pair.Connection)));
        }

        if (conversation.Disposing is null)
        {
            await pair.Output.FlushAsync(Stop); // of what was written before the end, or of nothing
            await WriteWithoutEndAsync(pair.Output);
        }

        await (conversation.Disposing ?? Task.CompletedTask).WaitAsync(Stop);
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, pair.Transport.OutstandingBlocks);
    }

    private async Task WriteWithoutEndAsync(PipeWriter output)
    {
        await Task.Yield(); // a peer that takes everything at once would never let the caller go on
        var written = 0L;
        for (var isDone = false; !isDone; written += 10_000)
        {
            isDone = (await output.WriteAsync(Bytes.Make(written, 10_000), Stop)).IsCompleted;
        }
    }

    private async Task ReadUntilBrokenAsync(ConnectionContext connection)
    {
        try
        {
            await ReadPatternToEndAsync(connection);
        }
        catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
        {
            // As the test wants it.
        }
    }

    private async Task ReceiveToEndAsync(Peer peer)
    {
        var buffer = new byte[256 * 1024];
        while (await peer.Socket.ReceiveAsync(buffer, Stop) != 0)
        {
        }
    }

    private async Task ReceiveUntilBrokenAsync(Peer peer)
    {
        try
        {
            await peer.ReceivePatternToEndAsync(Stop);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // As the test wants it.
        }
    }

    private async Task SendUntilBrokenAsync(Peer peer)
    {
        try
        {
            for (var sent = 0L; ; sent += 10_000)
            {
                await peer.SendAsync(Bytes.Make(sent, 10_000), Stop);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // As the test wants it.
        }
    }

    private sealed record Conversation(
        Task<ReadResult>? Reading = null, Task<FlushResult>? Flushing = null, Task? Disposing = null, bool IsInputEnded = false);
}
