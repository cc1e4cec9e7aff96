using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

public abstract partial class TransportEndurance
{
    private const int ReuseRounds = 60;
    private const int ReuseWorkers = 16;

    /// <summary>
    /// The kernel gives the lowest free number to a new connection. Work that comes late to a closed one must not reach it: every peer
    /// sees bytes of its own place in the pattern, and no end that its own connection did not make.
    /// </summary>
    [Theory, MemberData(nameof(Openers))]
    public async Task Late_work_for_a_closed_connection_never_reaches_the_next_with_its_descriptor(Opener opener)
    {
        var transport = CreateTransport(new TransportOptions { LingerTime = TimeSpan.FromMilliseconds(20) });
        var before = await WarmUpAsync(transport);
        using var done = new CancellationTokenSource();
        var closed = new ConnectionContext?[64]; // the last ones, which some threads go on to use
        var late = Enumerable.Range(1, 3).Select(seed => Task.Run(() => UseLate(closed, new Random(seed), done.Token), Stop)).ToArray();
        var place = 0;
        await Task.WhenAll(Enumerable.Range(0, ReuseWorkers).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < ReuseRounds; i++)
            {
                await LiveAsync(random); // the next one opens at once, and has a number that was just given back
            }
        }, Stop)));
        await done.CancelAsync();
        await Task.WhenAll(late);
        await LeavesNothingAsync(transport, before);

        async Task LiveAsync(Random random)
        {
            await using var pair = await ConnectAsync(opener, transport);
            var start = random.Next(1_000_000);
            var (aborts, isSlow) = (random.Next(3) == 0, random.Next(3) == 0);
            var count = random.Next(1, 50_000);
            if (isSlow)
            {
                // Much is still the kernel's to send when its connection has closed: were it made to close with a reset, it would be lost.
                count = 150_000;
                SocketOf(pair.Connection).SendBufferSize = 1024 * 1024;
            }

            var receiving = isSlow ? null : ReceiveOwnAsync(pair.Peer, start);
            for (var sent = 0; sent < count;)
            {
                var part = Math.Min(random.Next(1, 10_000), count - sent);
                var flushed = await pair.Output.WriteAsync(Bytes.Make(start + sent, part), Stop);
                Assert.False(flushed.IsCompleted, "Somebody else ended this connection.");
                sent += part;
            }

            // From several threads at once, as a server's timeouts and an application do.
            var spins = random.Next(20_000);
            var abort = !aborts ? Task.CompletedTask : Task.Run(() =>
            {
                Thread.SpinWait(spins);
                pair.Connection.Abort();
            }, Stop);
            if (!isSlow)
            {
                pair.Peer.EndSending();
            }

            await pair.Connection.DisposeAsync();
            closed[(uint)Interlocked.Increment(ref place) % closed.Length] = pair.Connection;
            await abort;
            var (received, isClean) = await (receiving ?? ReceiveOwnAsync(pair.Peer, start));
            if (!aborts)
            {
                Assert.Equal((count, true), (received, isClean));
            }
        }

        async Task<(long Received, bool IsClean)> ReceiveOwnAsync(Peer peer, long start)
        {
            var buffer = new byte[16 * 1024];
            for (var total = 0L; ;)
            {
                int part;
                try
                {
                    part = await peer.Socket.ReceiveAsync(buffer, Stop);
                }
                catch (System.Net.Sockets.SocketException)
                {
                    return (total, false);
                }

                if (part == 0)
                {
                    return (total, true);
                }

                Bytes.AssertPattern(buffer.AsSpan(0, part), start + total);
                total += part;
            }
        }
    }

    private static void UseLate(ConnectionContext?[] closed, Random random, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            if (closed[random.Next(closed.Length)] is not { } connection)
            {
                Thread.Yield();
                continue;
            }

            switch (random.Next(6))
            {
                case 0 when random.Next(20) == 0: // only the first does something: it shall come when the number is another's already
                    connection.Abort();
                    break;
                case 1:
                    _ = HalfClose(connection).ShutdownSendAsync(CancellationToken.None).AsTask();
                    break;
                case 2:
                    HalfClose(connection).KeepOpenOnPeerFin = random.Next(2) == 0;
                    break;
                case 3:
                    _ = connection.DisposeAsync().AsTask();
                    break;
                case 4:
                    connection.Transport.Input.CancelPendingRead();
                    connection.Transport.Output.CancelPendingFlush();
                    break;
                case 5:
                    // A pipe that was completed takes nothing more.
                    Assert.Throws<InvalidOperationException>(() => connection.Transport.Output.GetMemory(100));
                    Assert.ThrowsAny<InvalidOperationException>(() => connection.Transport.Input.TryRead(out var _));
                    break;
            }

            Thread.SpinWait(random.Next(500));
        }
    }
}
