using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    [Fact]
    public async Task Thousands_of_connections_after_each_other_leave_nothing_behind()
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var sockets = new List<Socket>();
        var serving = ServeAsync(listener, connection =>
        {
            lock (sockets)
            {
                sockets.Add(SocketOf(connection));
            }

            return EchoAsync(connection);
        });
        for (var i = 0; i < 3_000; i++)
        {
            using var peer = await Peer.ConnectAsync(listener.EndPoint, Stop);
            await peer.SendAsync(Bytes.Make(i, 100), Stop);
            Bytes.AssertPattern(await peer.ReceiveAsync(100, Stop), i);
        }

        await listener.UnbindAsync(Stop);
        Assert.Equal(3_000, await serving.WaitAsync(Stop));
        Assert.All(sockets, static socket => Assert.True(socket.SafeHandle.IsClosed));
        Assert.Equal(0, transport.OutstandingBlocks);
    }

    [Fact]
    public async Task Five_hundred_connections_at_a_time_are_each_served()
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var serving = ServeAsync(listener, EchoAsync);
        var peers = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Peer.ConnectAsync(listener.EndPoint, Stop)));
        await Task.WhenAll(peers.Select(async (peer, i) =>
        {
            await peer.SendAsync(Bytes.Make(i, 20_000), Stop);
            Bytes.AssertPattern(await peer.ReceiveAsync(20_000, Stop), i);
            peer.Dispose();
        }));
        await listener.UnbindAsync(Stop);
        Assert.Equal(500, await serving.WaitAsync(Stop));
        Assert.Equal(0, transport.OutstandingBlocks);
    }

    /// <summary>The connection is there before the loop gets to the unbinding, for it comes while the loop is held.</summary>
    [Fact]
    public async Task Unbinding_ends_also_when_a_connection_just_came()
    {
        var transport = CreateTransport(new TransportOptions { Loops = 1, ApplicationScheduler = PipeScheduler.Inline });
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        using var first = await Peer.ConnectAsync(listener.EndPoint, Stop);
        await using var connection = (await listener.AcceptAsync(Stop))!;
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var unbinding = Task.Run(UnbindAsync, Stop);
        await first.SendAsync(new byte[1], Stop);
        await unbinding.WaitAsync(Stop);

        async Task UnbindAsync()
        {
            await ReadAtLeastAsync(connection, 1);
            second.Connect(listener.EndPoint);
            await listener.UnbindAsync(Stop);
        }
    }

    [Fact]
    public async Task A_connection_above_the_limit_waits_until_one_closes()
    {
        var transport = CreateTransport(new TransportOptions { ConnectionsMax = 2 });
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        using var first = await Peer.ConnectAsync(listener.EndPoint, Stop);
        using var second = await Peer.ConnectAsync(listener.EndPoint, Stop);
        using var third = await Peer.ConnectAsync(listener.EndPoint, Stop);
        var one = await listener.AcceptAsync(Stop);
        await using var two = await listener.AcceptAsync(Stop);
        var waiting = listener.AcceptAsync(Stop).AsTask();
        Assert.False(waiting.IsCompleted);
        first.Dispose();
        await one!.DisposeAsync();
        await using var three = await waiting.WaitAsync(Stop);
        Assert.NotNull(three);

        // Unbinding ends a wait for a place too, and gives back what it had.
        var last = listener.AcceptAsync(Stop);
        await listener.UnbindAsync(Stop);
        Assert.Null(await last);
    }

    [Fact]
    public async Task Unbinding_ends_the_accept_under_way_and_frees_the_address()
    {
        var transport = CreateTransport();
        var listener = await transport.BindAsync(AnyLoopback, Stop);
        var accepting = listener.AcceptAsync(Stop);
        await listener.UnbindAsync(Stop);
        Assert.Null(await accepting);
        Assert.Null(await listener.AcceptAsync(Stop));
        await using var again = await transport.BindAsync(listener.EndPoint, Stop);
        await listener.DisposeAsync();
    }

    [Fact]
    public async Task An_address_in_use_is_said_to_be()
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(AnyLoopback, Stop);
        var error = await Assert.ThrowsAsync<AddressInUseException>(async () => await transport.BindAsync(listener.EndPoint, Stop));
        Assert.Contains(listener.EndPoint.ToString()!, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_of_another_host_is_refused_by_name()
    {
        var transport = CreateTransport();
        var error = await Assert.ThrowsAsync<IOException>(
            async () => await transport.BindAsync(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 8080), Stop)); // TEST-NET-1, RFC 5737
        Assert.Contains("192.0.2.1:8080", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public Task IPv6_serves() => ServesAsync(new IPEndPoint(IPAddress.IPv6Loopback, 0), static bound => bound);

    [Fact]
    public Task The_IPv6_wildcard_serves_IPv4_too()
        => ServesAsync(new IPEndPoint(IPAddress.IPv6Any, 0), static bound => new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)bound).Port));

    [Fact]
    public async Task A_Unix_socket_serves_and_its_file_is_removed()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        await ServesAsync(new UnixDomainSocketEndPoint(path), static bound => bound);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_Unix_socket_to_which_nobody_answers_is_replaced()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        LeaveStaleSocket(path);
        Assert.True(File.Exists(path));
        await ServesAsync(new UnixDomainSocketEndPoint(path), static bound => bound);
    }

    [Fact]
    public async Task A_Unix_socket_that_is_served_stays()
    {
        using var folder = new TemporaryFolder();
        var endPoint = new UnixDomainSocketEndPoint(folder.File("s"));
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(endPoint, Stop);
        var serving = ServeAsync(listener, EchoAsync);
        await Assert.ThrowsAsync<AddressInUseException>(async () => await transport.BindAsync(endPoint, Stop));
        using (var peer = await Peer.ConnectAsync(endPoint, Stop))
        {
            await peer.SendAsync(Bytes.Make(0, 100), Stop);
            Bytes.AssertPattern(await peer.ReceiveAsync(100, Stop), 0);
        }

        await listener.UnbindAsync(Stop);
        await serving.WaitAsync(Stop);
    }

    [Fact]
    public async Task A_file_that_is_no_socket_is_not_removed_by_binding()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("empty");
        await File.WriteAllBytesAsync(path, [], Stop);
        var transport = CreateTransport();
        await Assert.ThrowsAsync<AddressInUseException>(async () => await transport.BindAsync(new UnixDomainSocketEndPoint(path), Stop));
        Assert.True(File.Exists(path));
    }

    [Fact]
    public async Task A_listen_socket_outlives_its_listeners_and_closes_by_itself()
    {
        var transport = CreateTransport();
        using var shared = ListenSocket.Bind(AnyLoopback);
        Assert.Equal(shared.LocalEndPoint.ToString(), shared.AsEndPoint().ToString());
        await using (var first = await transport.BindAsync(shared.AsEndPoint(), Stop))
        {
            Assert.Equal(shared.LocalEndPoint, first.EndPoint);
            await ServesAsync(first, shared.LocalEndPoint);
        }

        // Nobody accepts, yet the kernel still takes connections for the next listener.
        using var waiting = await Peer.ConnectAsync(shared.LocalEndPoint, Stop);
        await using var second = await transport.BindAsync(shared.AsEndPoint(), Stop);
        await using (var connection = await second.AcceptAsync(Stop))
        {
            Assert.Equal(waiting.Socket.LocalEndPoint, connection!.RemoteEndPoint);
            waiting.EndSending();
        }

        var accepting = second.AcceptAsync(Stop);
        shared.Dispose();
        Assert.Null(await accepting);
        await Assert.ThrowsAsync<SocketException>(() => Peer.ConnectAsync(shared.LocalEndPoint, Stop));
    }

    [Fact]
    public async Task Handing_a_listen_socket_over_loses_no_connection()
    {
        using var shared = ListenSocket.Bind(AnyLoopback);
        using var ended = new CancellationTokenSource();
        var served = 0;
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var count = 0;
            while (!ended.IsCancellationRequested)
            {
                using var peer = await Peer.ConnectAsync(shared.LocalEndPoint, Stop);
                await peer.SendAsync(Bytes.Make(count, 1), Stop);
                Bytes.AssertPattern(await peer.ReceiveAsync(1, Stop), count++);
            }

            return count;
        }, Stop)).ToArray();

        var transports = new[] { CreateTransport(), CreateTransport() };
        var old = await StartServerAsync(transports[1]);
        for (var i = 0; i < 50; i++)
        {
            var next = await StartServerAsync(transports[i % 2]);
            var before = Volatile.Read(ref served);
            await old.Listener.UnbindAsync(Stop);
            await old.Serving.WaitAsync(Stop);
            await old.Listener.DisposeAsync();
            old = next;
            await EventuallyAsync(() => Volatile.Read(ref served) > before + 10 || clients.Any(static c => c.IsFaulted));
        }

        await ended.CancelAsync();
        var connected = (await Task.WhenAll(clients)).Sum();
        await old.Listener.UnbindAsync(Stop);
        await old.Serving.WaitAsync(Stop);
        Assert.Equal(connected, served);

        async Task<(IConnectionListener Listener, Task Serving)> StartServerAsync(LakouTransport transport)
        {
            var listener = await transport.BindAsync(shared.AsEndPoint(), Stop);
            return (listener, ServeAsync(listener, connection =>
            {
                Interlocked.Increment(ref served);
                return EchoAsync(connection);
            }));
        }
    }

    private async Task ServesAsync(EndPoint endPoint, Func<EndPoint, EndPoint> reachedAt)
    {
        await using var listener = await CreateTransport().BindAsync(endPoint, Stop);
        await ServesAsync(listener, reachedAt(listener.EndPoint));
    }

    private async Task ServesAsync(IConnectionListener listener, EndPoint reachedAt)
    {
        var accepting = listener.AcceptAsync(Stop);
        using var peer = await Peer.ConnectAsync(reachedAt, Stop);
        await using var connection = await accepting;
        var echo = EchoAsync(connection!);
        await peer.SendAsync(Bytes.Make(0, 10_000), Stop);
        peer.EndSending();
        Assert.Equal(10_000, await peer.ReceivePatternToEndAsync(Stop));
        await echo;
    }

    // .NET removes the file of a socket that it closes; one moved away and back is what a killed process leaves.
    private static void LeaveStaleSocket(string path)
    {
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path + ".bound"));
            File.Move(path + ".bound", path);
        }
    }
}
