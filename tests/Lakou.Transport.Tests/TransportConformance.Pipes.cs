using System.Buffers;
using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    public static TheoryData<Opener, int> SeedsOfOpeners { get; } = [.. Enumerable.Range(1, 24).Select(static seed => ((Opener)(seed % 2), seed))];

    [Theory, MemberData(nameof(SeedsOfOpeners))]
    public async Task Input_reads_as_a_pipe_does(Opener opener, int seed)
    {
        await using var script = new ReaderScript(await ConnectAsync(opener), seed, Stop);
        await script.RunAsync(300);
    }

    [Theory, MemberData(nameof(SeedsOfOpeners))]
    public async Task Output_writes_as_a_pipe_does(Opener opener, int seed)
    {
        var script = new WriterScript(await ConnectAsync(opener), seed, Stop);
        await script.RunAsync(300);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_flush_that_waits_can_be_cancelled_and_goes_on(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        pair.Output.Write(Bytes.Make(0, MoreThanKernelsBuffer));
        var flushing = pair.Output.FlushAsync(Stop);
        Assert.False(flushing.IsCompleted);
        pair.Output.CancelPendingFlush();
        var cancelled = await flushing;
        Assert.True(cancelled.IsCanceled);
        Assert.False(cancelled.IsCompleted);

        using var giveUp = new CancellationTokenSource();
        flushing = pair.Output.FlushAsync(giveUp.Token);
        Assert.False(flushing.IsCompleted);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await flushing);

        flushing = pair.Output.FlushAsync(Stop);
        Assert.False(flushing.IsCompleted);
        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        Assert.False((await flushing).IsCanceled);
        await pair.Output.CompleteAsync();
        Assert.Equal(MoreThanKernelsBuffer, await reading);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_read_that_nobody_cancelled_brings_bytes_or_the_end(Opener opener)
    {
        const int count = 1_000;
        var transport = CreateTransport();
        var pairs = new List<Pair>();
        for (var i = 0; i < 16; i++)
        {
            pairs.Add(EndsWithTest(await ConnectAsync(opener, transport)));
        }

        using var done = new CancellationTokenSource();
        var cancelling = Task.Run(() =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                pairs[i % pairs.Count].Input.CancelPendingRead();
                Thread.SpinWait(i % 50);
            }
        }, Stop);
        await Task.WhenAll(pairs.Select(pair => Task.Run(async () =>
        {
            var reading = ReadEachAsync(pair);
            for (var i = 0; i < count; i++)
            {
                await pair.Peer.SendAsync(Bytes.Make(i, 1), Stop);
            }

            pair.Peer.EndSending();
            Assert.Equal(count, await reading);
        }, Stop)));
        await done.CancelAsync();
        await cancelling;

        async Task<long> ReadEachAsync(Pair pair)
        {
            for (var received = 0L; ;)
            {
                var read = await pair.Input.ReadAsync(Stop);
                Bytes.AssertPattern(read.Buffer.ToArray(), received);
                received += read.Buffer.Length;
                if (read.IsCompleted)
                {
                    return received;
                }

                Assert.True(!read.Buffer.IsEmpty || read.IsCanceled, $"Nothing came after {received} bytes; a stream takes that for the end.");
                pair.Input.AdvanceTo(read.Buffer.End);
            }
        }
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Who_writes_on_the_loop_after_the_end_was_asked_for_is_told(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await OnLoopAsync(pair.Connection, async () =>
        {
            await pair.Output.WriteAsync(Bytes.Make(0, 100), Stop);
            var ending = HalfClose(pair.Connection).ShutdownSendAsync(Stop);
            while (!(await pair.Output.WriteAsync(new byte[100], Stop)).IsCompleted)
            {
                // Dropped. This never leaves the loop, which has the end still to send.
            }

            await ending;
            return true;
        });
        Assert.Equal(100, await pair.Peer.ReceivePatternToEndAsync(Stop));
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_reader_that_wants_more_than_the_limit_of_unread_bytes_gets_it(Opener opener)
    {
        const int wanted = 4 * 1024 * 1024;
        var pair = await ConnectAsync(opener);
        var sending = pair.Peer.SendAsync(Bytes.Make(0, wanted), Stop);
        var read = await ReadAtLeastAsync(pair.Connection, wanted); // by examining all each time, and consuming nothing
        await sending;
        Assert.Equal(wanted, read.Buffer.Length);
        Bytes.AssertPattern(read.Buffer.ToArray(), 0);
        pair.Input.AdvanceTo(read.Buffer.End);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Input_copies_to_streams_and_pipes_until_its_end(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        using var stream = new MemoryStream();
        var copying = pair.Input.CopyToAsync(stream, Stop);
        await pair.Peer.SendAsync(Bytes.Make(0, 500_000), Stop);
        pair.Peer.EndSending();
        await copying;
        Assert.Equal(500_000, stream.Length);
        Bytes.AssertPattern(stream.GetBuffer().AsSpan(0, 500_000), 0);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Pipes_serve_as_streams(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await using var output = pair.Output.AsStream(leaveOpen: true);
        await using var input = pair.Input.AsStream(leaveOpen: true);
        await output.WriteAsync(Bytes.Make(0, 10_000), Stop);
        Bytes.AssertPattern(await pair.Peer.ReceiveAsync(10_000, Stop), 0);
        await pair.Peer.SendAsync(Bytes.Make(0, 10_000), Stop);
        var received = new byte[10_000];
        await input.ReadExactlyAsync(received, Stop);
        Bytes.AssertPattern(received, 0);
        pair.Peer.EndSending();
        Assert.Equal(0, await input.ReadAsync(received, Stop));
    }

    private static readonly Dictionary<string, Func<PipeReader, PipeWriter, Task>> Misuses = new(StringComparer.Ordinal)
    {
        ["advance output by more than was got"] = static (_, writer) =>
        {
            writer.Advance(writer.GetMemory(100).Length + 1);
            return Task.CompletedTask;
        },
        ["advance output by less than nothing"] = static (_, writer) =>
        {
            writer.GetMemory(100);
            writer.Advance(-1);
            return Task.CompletedTask;
        },
        ["advance output without memory"] = static (_, writer) =>
        {
            writer.Advance(1);
            return Task.CompletedTask;
        },
        ["get negative memory"] = static (_, writer) =>
        {
            writer.GetMemory(-1);
            return Task.CompletedTask;
        },
        ["write after the end"] = static async (_, writer) =>
        {
            await writer.CompleteAsync();
            writer.GetMemory(1);
        },
        ["read after the end"] = static async (reader, _) =>
        {
            await reader.CompleteAsync();
            await reader.ReadAsync();
        },
        ["try to read after the end"] = static async (reader, _) =>
        {
            await reader.CompleteAsync();
            reader.TryRead(out var _);
        },
        ["advance input after the end"] = static async (reader, _) =>
        {
            await reader.CompleteAsync();
            reader.AdvanceTo(default);
        },
        ["try to read while a read waits"] = static async (reader, _) =>
        {
            var first = reader.ReadAsync();
            try
            {
                reader.TryRead(out var _);
            }
            finally
            {
                reader.CancelPendingRead();
                await first;
            }
        },
        ["read with a cancelled token"] = static async (reader, _) => await reader.ReadAsync(new CancellationToken(canceled: true)),
        ["flush with a cancelled token"] = static async (_, writer) =>
        {
            writer.Write("x"u8);
            await writer.FlushAsync(new CancellationToken(canceled: true));
        },
        ["end twice"] = static async (reader, writer) =>
        {
            await reader.CompleteAsync();
            await reader.CompleteAsync();
            await writer.CompleteAsync();
            await writer.CompleteAsync();
        },
    };

    public static TheoryData<Opener, string> MisusesOfOpeners { get; } =
        [.. from opener in Enum.GetValues<Opener>() from misuse in Misuses.Keys select (opener, misuse)];

    [Theory, MemberData(nameof(MisusesOfOpeners))]
    public async Task A_misuse_fails_as_that_of_a_pipe(Opener opener, string misuse)
    {
        var input = new Pipe();
        var output = new Pipe();
        var expected = await Record.ExceptionAsync(() => Misuses[misuse](input.Reader, output.Writer));
        var pair = await ConnectAsync(opener);
        var actual = await Record.ExceptionAsync(() => Misuses[misuse](pair.Input, pair.Output));
        Assert.Equal(expected?.GetType(), actual?.GetType());
    }
}
