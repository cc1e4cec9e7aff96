using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

public abstract partial class TransportEndurance
{
    private const int Batch = 1_000;

    // All of 127/8 is this machine. A port of one address stays taken for a minute after its connection.
    private static readonly IPEndPoint EveryAddress = new(IPAddress.Any, 0);

    [Fact]
    public async Task Two_thousand_connections_at_a_time_hold_nothing_while_idle_and_are_each_served()
    {
        var transport = CreateTransport(new TransportOptions { Backlog = 4_096 });
        var before = await WarmUpAsync(transport);
        await using (var listener = await transport.BindAsync(AnyLoopback, Stop))
        {
            var serving = ServeAsync(listener, EchoAsync);
            var ends = await Task.WhenAll(Enumerable.Range(0, 2_000).Select(i => IEnd.OpenAsync(i % 4 == 0 ? transport : null, listener.EndPoint, Stop)));
            for (var turn = 0; turn < 2; turn++)
            {
                await Task.WhenAll(ends.Select((end, i) => EchoesAsync(end, i, 1_000)));
                await EventuallyAsync(() => transport.OutstandingBlocks == 0);
            }

            await Task.WhenAll(ends.Select(static end => end.DisposeAsync().AsTask()));
            await listener.UnbindAsync(Stop);
            Assert.Equal(2_000, await serving.WaitAsync(Stop));
        }

        await LeavesNothingAsync(transport, before);
    }

    [Fact]
    public async Task Twenty_thousand_connections_after_each_other_leave_nothing_behind()
    {
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(EveryAddress, Stop);
        var before = await WarmUpAsync(transport);
        await ConnectEchoAndCloseAsync(transport, listener, 20_000, () => LeavesNothingAsync(transport, before));
    }

    /// <summary>
    /// Minutes long, hence by name only: <c>dotnet Lakou.Transport.Tests.dll -explicit only -method '*.A_million_connections*'</c>.
    /// It prints what the process holds after every 100,000; nothing may grow after the first of them.
    /// </summary>
    [Fact(Explicit = true)]
    public async Task A_million_connections_leave_the_memory_of_the_process_as_it_was()
    {
        const int step = 100_000;
        const long mayGrow = 32L * 1024 * 1024; // what the heap's segments and the allocator's arenas differ by from one look to the next
        MayTake(TimeSpan.FromMinutes(30));
        var transport = CreateTransport();
        await using var listener = await transport.BindAsync(EveryAddress, Stop);
        var before = await WarmUpAsync(transport);
        var first = (Resident: 0L, Heap: 0L);
        var count = 0;
        await ConnectEchoAndCloseAsync(transport, listener, 10 * step, async () =>
        {
            count += Batch;
            if (count % step != 0)
            {
                return;
            }

            await LeavesNothingAsync(transport, before);
            var heap = GC.GetTotalMemory(forceFullCollection: true);
            var resident = Environment.WorkingSet;
            TestContext.Current.TestOutputHelper?.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{count,9} connections: resident {resident >> 20} MiB, heap {heap >> 10} KiB, {Descriptors.Open().Count} descriptors"));
            first = first.Resident == 0 ? (resident, heap) : first;
            Assert.InRange(resident, 0, first.Resident + mayGrow);
            Assert.InRange(heap, 0, first.Heap + (mayGrow / 8));
        });
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("unix")]
    public async Task Handing_over_while_connects_storm_refuses_and_loses_none(string family)
    {
        using var folder = new TemporaryFolder();
        using var shared = ListenSocket.Bind(family == "tcp" ? AnyLoopback : new System.Net.Sockets.UnixDomainSocketEndPoint(folder.File("s")), new TransportOptions { Backlog = 4_096 });
        using var ended = new CancellationTokenSource();
        var transport = CreateTransport();
        var served = 0;
        var clients = Enumerable.Range(0, 16).Select(client => Task.Run(async () =>
        {
            var count = 0;
            while (!ended.IsCancellationRequested)
            {
                await using var end = await IEnd.OpenAsync(client % 4 == 0 ? transport : null, shared.LocalEndPoint, Stop);
                await EchoesAsync(end, count, 100);
                count++;
            }

            return count;
        }, Stop)).ToArray();

        var old = await StartAsync();
        for (var i = 0; i < 60; i++)
        {
            var next = await StartAsync();
            var soFar = Volatile.Read(ref served);
            await old.Listener.UnbindAsync(Stop);
            await old.Serving.WaitAsync(Stop);
            await old.Listener.DisposeAsync();
            old = next;
            await EventuallyAsync(() => Volatile.Read(ref served) > soFar + 20 || clients.Any(static client => client.IsFaulted));
        }

        await ended.CancelAsync();
        var connected = (await Task.WhenAll(clients)).Sum();
        await old.Listener.UnbindAsync(Stop);
        await old.Serving.WaitAsync(Stop);
        await old.Listener.DisposeAsync();
        Assert.Equal(connected, served);
        Assert.Equal(0, transport.OutstandingBlocks);

        async Task<(IConnectionListener Listener, Task Serving)> StartAsync()
        {
            var listener = await transport.BindAsync(shared.AsEndPoint(), Stop);
            return (listener, ServeAsync(listener, connection =>
            {
                Interlocked.Increment(ref served);
                return EchoAsync(connection);
            }));
        }
    }

    [Fact]
    public async Task Unbinding_while_connects_storm_serves_whom_it_accepted_and_leaves_none_hanging()
    {
        var transport = CreateTransport();
        var before = await WarmUpAsync(transport);
        for (var round = 0; round < 20; round++)
        {
            var accepted = 0;
            var answered = 0;
            await using var listener = await transport.BindAsync(AnyLoopback, Stop);
            var serving = ServeAsync(listener, async connection =>
            {
                Interlocked.Increment(ref accepted);
                await EchoAsync(connection);
            });
            var clients = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                for (; ; )
                {
                    using var peer = await Peer.ConnectAsync(listener.EndPoint, Stop);
                    await peer.SendAsync(Bytes.Make(0, 100), Stop);
                    Bytes.AssertPattern(await peer.ReceiveAsync(100, Stop), 0);
                    Interlocked.Increment(ref answered);
                }
            }, Stop)).ToArray();
            await EventuallyAsync(() => Volatile.Read(ref answered) > 20);
            await listener.UnbindAsync(Stop);
            foreach (var client in clients)
            {
                var error = await Record.ExceptionAsync(() => client); // refused, reset in the queue, or with it ended
                Assert.True(error is System.Net.Sockets.SocketException or Xunit.Sdk.NotEqualException, $"{error}");
            }

            await serving.WaitAsync(Stop);
            Assert.Equal(answered, accepted);
        }

        await LeavesNothingAsync(transport, before);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_and_a_name_cannot_be_bound()
    {
        using var folder = new TemporaryFolder();
        var transport = CreateTransport();
        var path = folder.File("none/s");
        var error = await Assert.ThrowsAsync<IOException>(async () => await transport.BindAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(path), Stop));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await transport.BindAsync(new DnsEndPoint("localhost", 0), Stop));
    }

    /// <summary>In batches, so that no more than a few are open; a third each ends with the client's FIN, the client's RST, and the server's end.</summary>
    private async Task ConnectEchoAndCloseAsync(LakouTransport transport, IConnectionListener listener, int count, Func<Task> afterBatch)
    {
        const int atATime = 16;
        var port = ((IPEndPoint)listener.EndPoint).Port;
        var serving = ServeAsync(listener, ReadAnswerAndEndAsync);
        for (var done = 0; done < count; done += Batch)
        {
            var next = done;
            await Task.WhenAll(Enumerable.Range(0, atATime).Select(_ => Task.Run(async () =>
            {
                for (var i = Interlocked.Increment(ref next); i <= done + Batch; i = Interlocked.Increment(ref next))
                {
                    var target = new IPEndPoint(new IPAddress([127, 0, (byte)(i / 200 % 200), (byte)(1 + (i % 200))]), port);
                    await using var end = await IEnd.OpenAsync(i % 4 == 0 ? transport : null, target, Stop);
                    await EchoesAsync(end, i, 64);
                    switch (i % 3)
                    {
                        case 0:
                            end.Reset();
                            break;
                        case 1:
                            await end.EndSendingAsync(Stop);
                            Assert.Equal(0, await end.ReceiveAsync(new byte[1], Stop));
                            break;
                    }
                }
            }, Stop)));
            await afterBatch();
        }

        await listener.UnbindAsync(Stop);
        Assert.Equal(count, await serving.WaitAsync(Stop));
    }

    private async Task ReadAnswerAndEndAsync(ConnectionContext connection)
    {
        try
        {
            await EchoAsync(connection);
        }
        catch (ConnectionResetException)
        {
            // A client that resets after its answer.
        }
    }

    private async Task EchoesAsync(IEnd end, long position, int count)
    {
        Assert.True(await end.SendAsync(Bytes.Make(position, count), Stop));
        var received = new byte[count];
        for (var filled = 0; filled < count;)
        {
            var part = await end.ReceiveAsync(received.AsMemory(filled), Stop);
            Assert.NotInRange(part, -1, 0);
            filled += part;
        }

        Bytes.AssertPattern(received, position);
    }
}
