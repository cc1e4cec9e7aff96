using System.Buffers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    [Theory, MemberData(nameof(Openers))]
    public async Task Bytes_keep_their_order_whatever_the_sizes_of_sends_and_writes(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var echo = EchoAsync(pair.Connection);
        var random = new Random(7);
        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        var sent = 0L;
        for (var i = 0; i < 2_000; i++)
        {
            var size = random.Next(10) == 0 ? random.Next(1, 60_000) : random.Next(1, 300);
            await pair.Peer.SendAsync(Bytes.Make(sent, size), Stop);
            sent += size;
        }

        pair.Peer.EndSending();
        Assert.Equal(sent, await reading);
        await echo.WaitAsync(Stop);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Fifty_MiB_come_in_and_go_out_unchanged(Opener opener)
    {
        const long size = 50L * 1024 * 1024;
        var pair = await ConnectAsync(opener);
        var echo = EchoAsync(pair.Connection);
        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        for (var sent = 0L; sent < size; sent += 1024 * 1024)
        {
            await pair.Peer.SendAsync(Bytes.Make(sent, 1024 * 1024), Stop);
        }

        pair.Peer.EndSending();
        Assert.Equal(size, await reading);
        await echo.WaitAsync(Stop);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Thousands_of_segments_in_one_flush_are_sent_whole(Opener opener)
    {
        const int size = 16 * 1024 * 1024;
        var pair = await ConnectAsync(opener);
        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        pair.Output.Write(Bytes.Make(0, size));
        await pair.Output.FlushAsync(Stop);
        await pair.Connection.DisposeAsync();
        Assert.Equal(size, await reading);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task An_application_that_does_not_read_stops_the_sender(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var block = new byte[1024 * 1024];
        var sent = 0L;
        var lastProgress = 0L;
        var sending = Task.Run(async () =>
        {
            // More than both kernels' buffers can take: only back-pressure stops this.
            for (var i = 0; i < 256; i++)
            {
                await pair.Peer.SendAsync(Bytes.Make(sent, block.Length), Stop);
                Interlocked.Add(ref sent, block.Length);
            }

            pair.Peer.EndSending();
        }, Stop);

        // The sender stands still once it has made no progress for a while; it must be long before its end.
        do
        {
            lastProgress = Interlocked.Read(ref sent);
            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Stop);
        }
        while (Interlocked.Read(ref sent) != lastProgress || lastProgress == 0);
        Assert.False(sending.IsCompleted);
        Assert.True(pair.Transport.OutstandingBlocks <= 40, $"{pair.Transport.OutstandingBlocks} blocks hold 64 KiB of input.");

        var read = await ReadPatternToEndAsync(pair.Connection);
        await sending;
        Assert.Equal(256L * block.Length, read);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_peer_that_does_not_read_makes_a_flush_wait(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var written = 0L;
        ValueTask<System.IO.Pipelines.FlushResult> flush;
        do
        {
            Assert.True(written < 1L << 30, "Nothing stops the writer.");
            pair.Output.Write(Bytes.Make(written, 256 * 1024));
            written += 256 * 1024;
            flush = pair.Output.FlushAsync(Stop);
            var soon = TimeProvider.System.GetTimestamp();
            while (!flush.IsCompleted && TimeProvider.System.GetElapsedTime(soon) < TimeSpan.FromMilliseconds(300))
            {
                await Task.Yield();
            }
        }
        while (flush.IsCompleted);

        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        await flush;
        await pair.Connection.DisposeAsync();
        Assert.Equal(written, await reading);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task An_idle_connection_holds_no_block(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await pair.Peer.SendAsync("ping"u8.ToArray(), Stop);
        var read = await ReadAtLeastAsync(pair.Connection, 4);
        await EventuallyAsync(() => pair.Transport.OutstandingBlocks != 0); // a loop counts at the end of its turn
        pair.Input.AdvanceTo(read.Buffer.End);
        await pair.Output.WriteAsync("pong"u8.ToArray(), Stop);
        Assert.Equal("pong"u8.ToArray(), await pair.Peer.ReceiveAsync(4, Stop));
        await EventuallyAsync(() => pair.Transport.OutstandingBlocks == 0);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task The_first_bytes_since_a_reset_set_the_receive_timestamp(Opener opener)
    {
        var time = new ManualTime();
        var pair = await ConnectAsync(opener, new TransportOptions { Time = time });
        var timestamp = pair.Connection.Features.GetRequiredFeature<IReceiveTimestampFeature>();
        Assert.Equal(0, timestamp.FirstReceiveTimestamp);
        await pair.Peer.SendAsync("a"u8.ToArray(), Stop);
        pair.Input.AdvanceTo((await ReadAtLeastAsync(pair.Connection, 1)).Buffer.End);
        Assert.Equal(time.GetTimestamp(), timestamp.FirstReceiveTimestamp);
        timestamp.Reset();
        Assert.Equal(0, timestamp.FirstReceiveTimestamp);
        await pair.Peer.SendAsync("b"u8.ToArray(), Stop);
        pair.Input.AdvanceTo((await ReadAtLeastAsync(pair.Connection, 1)).Buffer.End);
        Assert.Equal(time.GetTimestamp(), timestamp.FirstReceiveTimestamp);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_connection_sends_small_segments_at_once_and_probes_silent_peers(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        Assert.True(SocketOf(pair.Connection).NoDelay);
        Assert.NotEqual(0, (int)SocketOf(pair.Connection).GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
    }
}
