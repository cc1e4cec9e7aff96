using System.Net;
using System.Net.Sockets;
using Lakou.Transport.Blocks;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    [Fact]
    public Task IPv4_is_dialled() => DialsAsync(AnyLoopback, static bound => bound);

    [Fact]
    public Task IPv6_is_dialled()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "This machine has no IPv6");
        return DialsAsync(new IPEndPoint(IPAddress.IPv6Loopback, 0), static bound => bound);
    }

    [Fact]
    public Task A_name_is_dialled()
        => DialsAsync(AnyLoopback, static bound => new DnsEndPoint("localhost", ((IPEndPoint)bound).Port));

    [Fact]
    public async Task A_Unix_socket_is_dialled()
    {
        using var folder = new TemporaryFolder();
        await DialsAsync(new UnixDomainSocketEndPoint(folder.File("s")), static bound => bound);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Both_ends_know_the_same_addresses(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        Assert.Equal(pair.Peer.Socket.RemoteEndPoint, pair.Connection.LocalEndPoint);
        Assert.Equal(pair.Peer.Socket.LocalEndPoint, pair.Connection.RemoteEndPoint);
        var feature = pair.Connection.Features.GetRequiredFeature<IConnectionEndPointFeature>();
        Assert.Equal(pair.Connection.LocalEndPoint, feature.LocalEndPoint);
        Assert.Equal(pair.Connection.RemoteEndPoint, feature.RemoteEndPoint);
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task A_connection_has_the_features_that_servers_and_gateways_need(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        var features = pair.Connection.Features;
        Assert.Same(pair.Connection.Transport, features.GetRequiredFeature<IConnectionTransportFeature>().Transport);
        Assert.Equal(pair.Connection.ConnectionId, features.GetRequiredFeature<IConnectionIdFeature>().ConnectionId);
        Assert.Same(pair.Connection.Items, features.GetRequiredFeature<IConnectionItemsFeature>().Items);
        Assert.Equal(pair.Connection.ConnectionClosed, features.GetRequiredFeature<IConnectionLifetimeFeature>().ConnectionClosed);
        Assert.Equal(Block.Bytes, features.GetRequiredFeature<IMemoryPoolFeature>().MemoryPool.MaxBufferSize);
        Assert.Equal(0, features.GetRequiredFeature<IReceiveTimestampFeature>().FirstReceiveTimestamp);
        Assert.False(features.GetRequiredFeature<IHalfCloseFeature>().KeepOpenOnPeerFin);
        Assert.InRange(features.GetRequiredFeature<ILoopFeature>().Loop, 0, pair.Transport.Loops - 1);
    }

    [Fact]
    public async Task Connections_have_ids_of_their_own()
    {
        var transport = CreateTransport();
        var ids = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 20; i++)
        {
            await using var pair = await ConnectAsync(i % 2 == 0 ? Opener.Peer : Opener.Us, transport);
            Assert.True(ids.Add(pair.Connection.ConnectionId));
        }
    }

    [Theory, MemberData(nameof(Openers))]
    public async Task Work_given_to_a_loop_runs_on_it(Opener opener)
    {
        var pair = await ConnectAsync(opener);
        Assert.Equal(-1, await Task.Run(() => pair.Transport.CurrentLoop, Stop)); // this test may go on where its connection was made
        var loop = LoopOf(pair.Connection);
        var inside = await OnLoopAsync(pair.Connection, () => Task.FromResult(pair.Transport.CurrentLoop));
        Assert.Equal(pair.Transport.Kind == TransportKind.Sockets ? -1 : loop, inside);
    }

    [Fact]
    public async Task A_connection_dialled_on_a_loop_lives_on_it()
    {
        using var listening = Listening();
        var transport = CreateTransport();
        for (var i = 0; i < 16; i++)
        {
            await using var client = await ConnectAsync(Opener.Peer, transport);
            await using var upstream = await OnLoopAsync(client.Connection, () => transport.ConnectAsync(listening.LocalEndPoint!, Stop).AsTask());
            using var peer = new Peer(await listening.AcceptAsync(Stop));
            Assert.Equal(LoopOf(client.Connection), LoopOf(upstream));
        }
    }

    [Fact]
    public async Task An_address_where_nobody_listens_is_refused()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(AnyLoopback); // keeps the port, and does not listen
        var transport = CreateTransport();
        for (var i = 0; i < 100; i++)
        {
            var error = await Assert.ThrowsAsync<SocketException>(async () => await transport.ConnectAsync(bound.LocalEndPoint!, Stop));
            Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        }

        Assert.Equal(0, transport.OutstandingBlocks);
    }

    [Fact]
    public async Task A_Unix_socket_that_is_not_there_cannot_be_dialled()
    {
        using var folder = new TemporaryFolder();
        var transport = CreateTransport();
        await Assert.ThrowsAsync<SocketException>(async () => await transport.ConnectAsync(new UnixDomainSocketEndPoint(folder.File("s")), Stop));
    }

    [Fact]
    public async Task A_dial_that_nobody_answers_ends_with_its_token()
    {
        using var deaf = await DeafAsync();
        var transport = CreateTransport();
        using var giveUp = new CancellationTokenSource();
        var dials = Enumerable.Range(0, 20).Select(_ => transport.ConnectAsync(deaf.EndPoint, giveUp.Token).AsTask()).ToList();
        await EventuallyAsync(() => Descriptors.TcpTo(deaf.EndPoint) >= dials.Count);
        Assert.DoesNotContain(dials, static dial => dial.IsCompleted);
        await giveUp.CancelAsync();
        foreach (var dial in dials)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dial);
        }

        await EventuallyAsync(() => Descriptors.TcpTo(deaf.EndPoint) == deaf.Own);
        Assert.Equal(0, transport.OutstandingBlocks);
    }

    [Fact]
    public async Task A_dial_with_a_cancelled_token_does_not_begin()
    {
        using var listening = Listening();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await CreateTransport().ConnectAsync(listening.LocalEndPoint!, new CancellationToken(canceled: true)));
        Assert.False(listening.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task A_dial_that_is_given_up_while_it_succeeds_leaves_nothing()
    {
        var random = new Random(5);
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var serving = ServeAsync(listener, ReadUntilBrokenAsync);
        var dialled = 0;
        for (var i = 0; i < 400; i++)
        {
            using var giveUp = new CancellationTokenSource();
            var dial = transport.ConnectAsync(listener.EndPoint, giveUp.Token).AsTask();
            await Task.Run(() => Thread.SpinWait(random.Next(20_000)), Stop);
            await giveUp.CancelAsync();
            try
            {
                await using var connection = await dial;
                dialled++;
            }
            catch (OperationCanceledException)
            {
                // Given up in time. Whoever was accepted meanwhile sees the end, or a reset.
            }
        }

        await listener.UnbindAsync(Stop);
        Assert.InRange(dialled, 0, await serving.WaitAsync(Stop));
        await EventuallyAsync(() => Descriptors.TcpTo((IPEndPoint)listener.EndPoint) == 0);
        Assert.Equal(0, transport.OutstandingBlocks);
    }

    [Theory]
    [InlineData("pool")]
    [InlineData("own thread")]
    [InlineData("loop")]
    [InlineData("continuation")]
    public async Task Any_thread_may_dial(string from)
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var serving = ServeAsync(listener, EchoAsync);
        await using var client = await ConnectAsync(Opener.Peer, transport);
        for (var i = 0; i < 20; i++)
        {
            await using var connection = await (from switch
            {
                "pool" => Task.Run(DialAsync, Stop),
                "own thread" => OnOwnThreadAsync(DialAsync),
                "loop" => OnLoopAsync(client.Connection, DialAsync),
                _ => ContinueReadingAsync(client, DialAsync),
            });
            await EchoesAsync(connection, i, 10_000);
        }

        await listener.UnbindAsync(Stop);
        await serving.WaitAsync(Stop);

        Task<ConnectionContext> DialAsync() => transport.ConnectAsync(listener.EndPoint, Stop).AsTask();
    }

    [Fact]
    public async Task Five_hundred_dials_at_a_time_each_have_their_answer()
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var serving = ServeAsync(listener, EchoAsync);
        var connections = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => transport.ConnectAsync(listener.EndPoint, Stop).AsTask()));
        await Task.WhenAll(connections.Select(async (connection, i) =>
        {
            await using (connection)
            {
                await EchoesAsync(connection, i, 20_000);
            }
        }));
        await listener.UnbindAsync(Stop);
        Assert.Equal(500, await serving.WaitAsync(Stop));
        Assert.Equal(0, transport.OutstandingBlocks);
    }

    [Fact]
    public async Task A_proxy_of_accepted_and_dialled_connections_passes_every_byte()
    {
        var transport = CreateTransport();
        await using var upstream = await transport.BindAsync(AnyLoopback, Stop);
        await using var front = await transport.BindAsync(AnyLoopback, Stop);
        var answering = ServeAsync(upstream, EchoAsync);
        var passing = ServeAsync(front, async client =>
        {
            var read = await client.Transport.Input.ReadAtLeastAsync(1, Stop); // what follows goes on where the client's bytes came in
            client.Transport.Input.AdvanceTo(read.Buffer.Start);
            await using var endpoint = await transport.ConnectAsync(upstream.EndPoint, Stop);
            HalfClose(client).KeepOpenOnPeerFin = HalfClose(endpoint).KeepOpenOnPeerFin = true;
            await Task.WhenAll(PassAsync(client, endpoint), PassAsync(endpoint, client));
        });
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            using var peer = await Peer.ConnectAsync(front.EndPoint, Stop);
            var reading = peer.ReceivePatternToEndAsync(Stop);
            await peer.SendAsync(Bytes.Make(0, 1 + (i * 20_000)), Stop);
            peer.EndSending();
            Assert.Equal(1 + (i * 20_000), await reading);
        }));
        await front.UnbindAsync(Stop);
        await upstream.UnbindAsync(Stop);
        Assert.Equal(64, await passing.WaitAsync(Stop));
        Assert.Equal(64, await answering.WaitAsync(Stop));
        Assert.Equal(0, transport.OutstandingBlocks);

        async Task PassAsync(ConnectionContext source, ConnectionContext target)
        {
            await source.Transport.Input.CopyToAsync(target.Transport.Output, Stop);
            await HalfClose(target).ShutdownSendAsync(Stop);
        }
    }

    private async Task DialsAsync(EndPoint listenOn, Func<EndPoint, EndPoint> dialledAs)
    {
        using var listening = Listening(listenOn);
        var transport = CreateTransport();
        var target = dialledAs(listening.LocalEndPoint!);
        await using (var connection = await transport.ConnectAsync(target, Stop))
        {
            using var peer = new Peer(await listening.AcceptAsync(Stop));
            Assert.Equal(Plain(listening.LocalEndPoint), Plain(connection.RemoteEndPoint));
            var echo = EchoAsync(connection);
            var reading = peer.ReceivePatternToEndAsync(Stop);
            await peer.SendAsync(Bytes.Make(0, 300_000), Stop);
            peer.EndSending();
            Assert.Equal(300_000, await reading);
            await echo;
        }

        Assert.Equal(0, transport.OutstandingBlocks);

        // A socket for either family says ::ffff:127.0.0.1, and a Unix address knows no equality before it is text.
        static string? Plain(EndPoint? endPoint)
            => endPoint is IPEndPoint ip ? new IPEndPoint(ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address, ip.Port).ToString() : endPoint?.ToString();
    }

    /// <summary>Sends and reads back; the two kernels' buffers must hold it all.</summary>
    private async Task EchoesAsync(ConnectionContext connection, long position, int count)
    {
        await connection.Transport.Output.WriteAsync(Bytes.Make(position, count), Stop);
        await HalfClose(connection).ShutdownSendAsync(Stop);
        Assert.Equal(count, await ReadPatternToEndAsync(connection, position));
    }

    private static int LoopOf(ConnectionContext connection) => connection.Features.GetRequiredFeature<ILoopFeature>().Loop;

    private async Task<T> OnLoopAsync<T>(ConnectionContext connection, Func<Task<T>> work)
    {
        var done = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.Features.GetRequiredFeature<ILoopFeature>().Scheduler.Schedule(_ => done.SetResult(work()), null);
        return await (await done.Task.WaitAsync(Stop));
    }

    private async Task<T> OnOwnThreadAsync<T>(Func<Task<T>> work)
    {
        var done = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => done.SetResult(work())).Start();
        return await (await done.Task.WaitAsync(Stop));
    }

    private async Task<T> ContinueReadingAsync<T>(Pair pair, Func<Task<T>> work)
    {
        var working = ReadThenAsync();
        await pair.Peer.SendAsync(new byte[1], Stop);
        return await working;

        async Task<T> ReadThenAsync()
        {
            var read = await pair.Input.ReadAsync(Stop);
            pair.Input.AdvanceTo(read.Buffer.End);
            return await work();
        }
    }

    /// <summary>Listens, and its queue is full: the kernel drops whoever asks for more.</summary>
    private async Task<Deaf> DeafAsync()
    {
        var socket = Listening(backlog: 0);
        var fill = new List<Peer> { await Peer.ConnectAsync(socket.LocalEndPoint!, Stop) }; // a queue of 0 still takes one
        return new Deaf(socket, fill);
    }

    private sealed record Deaf(Socket Socket, List<Peer> Fill) : IDisposable
    {
        public IPEndPoint EndPoint => (IPEndPoint)Socket.LocalEndPoint!;

        public int Own => Fill.Count;

        public void Dispose()
        {
            Fill.ForEach(static peer => peer.Dispose());
            Socket.Dispose();
        }
    }
}
