using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    [Theory, MemberData(nameof(Openers))]
    public async Task A_peers_FIN_ends_input_without_error_and_closes(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var closed = ClosedAsync(pair.Connection);
        await pair.Peer.SendAsync(Bytes.Make(0, 10), Stop);
        pair.Peer.EndSending();
        Assert.Equal(10, await ReadPatternToEndAsync(pair.Connection));
        await closed;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task After_a_peers_FIN_the_application_can_still_send(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        pair.Peer.EndSending();
        await ReadPatternToEndAsync(pair.Connection);
        await pair.Output.WriteAsync(Bytes.Make(0, 100_000), Stop);
        var reading = pair.Peer.ReceivePatternToEndAsync(Stop);
        await pair.Connection.DisposeAsync();
        Assert.Equal(100_000, await reading);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_tunnel_stays_open_after_a_peers_FIN_until_its_own_direction_ends(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = true;
        var closed = ClosedAsync(pair.Connection);
        pair.Peer.EndSending();
        await ReadPatternToEndAsync(pair.Connection);

        await pair.Output.WriteAsync("x"u8.ToArray(), Stop);
        await pair.Peer.ReceiveAsync(1, Stop);
        Assert.False(pair.Connection.ConnectionClosed.IsCancellationRequested);
        await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        await closed;
        Assert.Equal(0, await pair.Peer.Socket.ReceiveAsync(new byte[1], Stop));
    }

    /// <summary>The byte is there before the loop gets to the abort, for it comes while the loop is held.</summary>
    [Theory, MemberData(nameof(Openers))]
    public async Task Abort_resets_also_when_bytes_just_came(Opener opener)
    {
        var pair = await ConnectAsync(opener, new TransportOptions { ApplicationScheduler = PipeScheduler.Inline });
        var aborting = Task.Run(AbortAsync, Stop);
        await pair.Peer.SendAsync(new byte[1], Stop);
        await aborting;
        await Assert.ThrowsAsync<SocketException>(() => pair.Peer.Socket.ReceiveAsync(new byte[1], Stop).AsTask());

        async Task AbortAsync()
        {
            await ReadAtLeastAsync(pair.Connection, 1);
            pair.Peer.Socket.Send(new byte[1]);
            pair.Connection.Abort();
        }
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task No_longer_keeping_open_closes_when_the_peers_FIN_was_seen(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = true;
        pair.Peer.EndSending();
        await ReadPatternToEndAsync(pair.Connection);
        Assert.False(pair.Connection.ConnectionClosed.IsCancellationRequested);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = false;
        await ClosedAsync(pair.Connection);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task After_ShutdownSend_the_peer_sees_the_end_and_goes_on_sending(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await pair.Output.WriteAsync(Bytes.Make(0, 5_000), Stop);
        await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        Assert.Equal(5_000, await pair.Peer.ReceivePatternToEndAsync(Stop));
        Assert.False(pair.Connection.ConnectionClosed.IsCancellationRequested);

        await pair.Peer.SendAsync(Bytes.Make(0, 100_000), Stop);
        pair.Peer.EndSending();
        Assert.Equal(100_000, await ReadPatternToEndAsync(pair.Connection));
        await ClosedAsync(pair.Connection);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task ShutdownSend_waits_for_every_flushed_byte(Opener opener)
    {
        const int size = 64 * 1024 * 1024; // more than two kernels buffer
        var pair = await ConnectAsync(opener);
        pair.Output.Write(Bytes.Make(0, size));
        var flush = pair.Output.FlushAsync(Stop);
        var end = HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        Assert.False(end.IsCompleted);
        Assert.Equal(size, await pair.Peer.ReceivePatternToEndAsync(Stop));
        await end;
        await flush;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Writes_after_ShutdownSend_are_dropped(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        Assert.True((await pair.Output.WriteAsync(new byte[100], Stop)).IsCompleted);
        await HalfClose(pair.Connection).ShutdownSendAsync(Stop);
        Assert.Equal(0, await pair.Peer.ReceivePatternToEndAsync(Stop));
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Abort_is_RST_at_the_peer(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var closed = ClosedAsync(pair.Connection);
        var reading = pair.Input.ReadAsync(Stop).AsTask();
        pair.Connection.Abort(new ConnectionAbortedException("enough"));
        var error = await Assert.ThrowsAsync<SocketException>(() => pair.Peer.ReceiveAsync(1, Stop));
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
        await closed;
        Assert.Equal("enough", (await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading)).Message);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_peers_RST_ends_input_with_its_error_and_closes_a_tunnel_too(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        HalfClose(pair.Connection).KeepOpenOnPeerFin = true;
        var closed = ClosedAsync(pair.Connection);
        pair.Peer.Reset();
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await pair.Input.ReadAsync(Stop));
        await closed;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_peers_RST_ends_a_waiting_flush(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        pair.Output.Write(new byte[64 * 1024 * 1024]);
        var flush = pair.Output.FlushAsync(Stop).AsTask();
        Assert.False(flush.IsCompleted);
        pair.Peer.Reset();
        Assert.True((await flush).IsCompleted);
        await ClosedAsync(pair.Connection);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Abort_ends_a_waiting_flush_and_a_full_input(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        pair.Output.Write(new byte[64 * 1024 * 1024]);
        var flush = pair.Output.FlushAsync(Stop).AsTask();
        await pair.Peer.SendAsync(new byte[256 * 1024], Stop);
        await EventuallyAsync(() => pair.Transport.OutstandingBlocks >= 16);
        pair.Connection.Abort();
        Assert.True((await flush).IsCompleted);
        await pair.Connection.DisposeAsync();
        Assert.Equal(0, pair.Transport.OutstandingBlocks);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Dispose_sends_what_was_flushed_also_to_a_slow_peer(Opener opener)
    {
        const int size = 64 * 1024 * 1024;
        var pair = await ConnectAsync(opener);
        pair.Output.Write(Bytes.Make(0, size));
        var flush = pair.Output.FlushAsync(Stop).AsTask();
        var disposing = pair.Connection.DisposeAsync();
        Assert.False(disposing.IsCompleted);
        Assert.Equal(size, await pair.Peer.ReceivePatternToEndAsync(Stop));
        pair.Peer.EndSending();
        await disposing;
        await flush;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Dispose_with_unread_input_does_not_destroy_the_answer(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        await pair.Peer.SendAsync(new byte[256 * 1024], Stop);
        await pair.Output.WriteAsync(Bytes.Make(0, 200_000), Stop);
        var disposing = pair.Connection.DisposeAsync();
        await pair.Peer.SendAsync(new byte[2 * 1024 * 1024], Stop);
        Assert.Equal(200_000, await pair.Peer.ReceivePatternToEndAsync(Stop));
        pair.Peer.EndSending();
        await disposing;
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Dispose_gives_up_on_a_peer_that_takes_nothing(Opener opener)
    {
        var time = new ManualTime();
        var options = new TransportOptions { Time = time };
        var pair = await ConnectAsync(opener, options);
        pair.Output.Write(new byte[64 * 1024 * 1024]);
        var flush = pair.Output.FlushAsync(Stop).AsTask();
        var disposing = pair.Connection.DisposeAsync();
        Assert.Equal(options.CloseTimeout, await time.FireNextTimerAsync(Stop));
        await disposing;
        await flush;
        Assert.Equal(0, pair.Transport.OutstandingBlocks);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Dispose_waits_only_so_long_for_the_peers_FIN(Opener opener)
    {
        var time = new ManualTime();
        var options = new TransportOptions { Time = time };
        var pair = await ConnectAsync(opener, options);
        var socket = SocketOf(pair.Connection);
        var disposing = pair.Connection.DisposeAsync();
        Assert.Equal(0, await pair.Peer.ReceivePatternToEndAsync(Stop));
        Assert.False(disposing.IsCompleted);
        await time.FireTimerAsync(options.LingerTime, Stop); // the end is at the peer before the wait for it to be sent has ended
        await disposing;
        Assert.True(socket.SafeHandle.IsClosed);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_throwing_callback_of_ConnectionClosed_harms_nobody(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var other = ClosedAsync(pair.Connection);
        pair.Connection.ConnectionClosed.Register(static () => throw new InvalidOperationException("a bug in the application"));
        pair.Peer.EndSending();
        await other;
        await pair.Connection.DisposeAsync();
    }
}
