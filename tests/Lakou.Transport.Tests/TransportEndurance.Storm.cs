using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Tests;

public abstract partial class TransportEndurance
{
    private const int Clients = 24;
    private const int ConversationsOfClient = 12;

    // What each direction of each relay is at, to be told when one hangs.
    private readonly ConcurrentDictionary<(string Connection, string Direction), string> _relaying = new();

    public static TheoryData<int> Seeds { get; } = [.. Enumerable.Range(1, 24)];

    /// <summary>What a client asks for, and what becomes of it.</summary>
    private enum Course
    {
        Echo,
        Generate,
        Sink,
        ClientResets,
        ServerAborts,
        ServerEndsEarly,
    }

    [Theory, MemberData(nameof(Seeds))]
    public async Task A_storm_of_connections_mixes_no_bytes_and_leaves_nothing(int seed)
    {
        var transport = CreateTransport(new TransportOptions { LingerTime = TimeSpan.FromMilliseconds(50) });
        var before = await WarmUpAsync(transport);
        await using (var listener = await transport.BindAsync(AnyLoopback, Stop))
        await using (var relay = await transport.BindAsync(AnyLoopback, Stop))
        {
            var serving = ServeAsync(listener, ServeStormAsync);
            var relaying = ServeAsync(relay, async client =>
            {
                await RelayAsync(client, transport, listener.EndPoint);
                foreach (var direction in _relaying.Keys.Where(key => key.Connection == client.ConnectionId))
                {
                    _relaying.TryRemove(direction, out _);
                }
            });
            var served = 0;
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                var random = new Random((seed * 1_000) + client);
                for (var i = 0; i < ConversationsOfClient; i++)
                {
                    var target = random.Next(2) == 0 ? relay.EndPoint : listener.EndPoint;
                    await ConverseAsync(random.Next(3) == 0 ? transport : null, target, random);
                    Interlocked.Increment(ref served);
                }
            }, Stop)));
            await relay.UnbindAsync(Stop);
            await EventuallyAsync(() => relaying.IsCompleted, () => string.Join(", ", _relaying));
            await relaying;
            await listener.UnbindAsync(Stop);
            Assert.Equal(served, await serving.WaitAsync(Stop));
        }

        await LeavesNothingAsync(transport, before);
    }

    /// <summary>Passes everything on both ways, from the blocks where it came; a direction that breaks breaks the other side too.</summary>
    private async Task RelayAsync(ConnectionContext client, LakouTransport transport, EndPoint target)
    {
        await using var endpoint = await transport.ConnectAsync(target, Stop);
        HalfClose(client).KeepOpenOnPeerFin = HalfClose(endpoint).KeepOpenOnPeerFin = true;
        await Task.WhenAll(PassAsync(client, endpoint), PassAsync(endpoint, client));

        async Task PassAsync(ConnectionContext source, ConnectionContext sink)
        {
            var direction = source == client ? (client.ConnectionId, "to the endpoint") : (client.ConnectionId, "to the client");
            try
            {
                for (var isDone = false; !isDone;)
                {
                    _relaying[direction] = "reads";
                    var read = await source.Transport.Input.ReadAsync(Stop);
                    _relaying[direction] = "flushes";
                    sink.Transport.Output.WriteShared(read.Buffer);
                    source.Transport.Input.AdvanceTo(read.Buffer.End);
                    isDone = (await sink.Transport.Output.FlushAsync(Stop)).IsCompleted || read.IsCompleted;
                }

                _relaying[direction] = "ends";
                await HalfClose(sink).ShutdownSendAsync(Stop);
            }
            catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
            {
                sink.Abort();
            }

            _relaying[direction] = "closes";
        }
    }

    /// <summary>The first 13 bytes say what to do: u8 course, i32 where its bytes begin in the pattern, i64 how many.</summary>
    private async Task ServeStormAsync(ConnectionContext connection)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        HalfClose(connection).KeepOpenOnPeerFin = true;
        try
        {
            var read = await input.ReadAtLeastAsync(Wish.Size, Stop);
            if (read.Buffer.Length < Wish.Size)
            {
                return;
            }

            var wish = Wish.Parse(read.Buffer.Slice(0, Wish.Size).ToArray());
            input.AdvanceTo(read.Buffer.GetPosition(Wish.Size));
            switch (wish.Course)
            {
                case Course.Generate:
                    await WriteAsync(wish.Start, wish.Count);
                    break;
                case Course.Sink:
                    Assert.Equal(wish.Count, await ReadPatternToEndAsync(connection, wish.Start));
                    await WriteAsync(wish.Start, 1);
                    break;
                case Course.ServerAborts:
                    await WriteAsync(wish.Start, wish.Count / 2);
                    connection.Abort();
                    break;
                case Course.ServerEndsEarly:
                    await WriteAsync(wish.Start, wish.Count / 2);
                    await HalfClose(connection).ShutdownSendAsync(Stop);
                    await ReadPatternToEndAsync(connection, wish.Start);
                    break;
                default:
                    await EchoPatternAsync(wish.Start);
                    break;
            }
        }
        catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
        {
            // The client resets, or this side aborted.
        }

        async Task WriteAsync(long start, long count)
        {
            for (var written = 0L; written < count;)
            {
                var part = (int)Math.Min(10_000, count - written);
                if ((await output.WriteAsync(Bytes.Make(start + written, part), Stop)).IsCompleted)
                {
                    return;
                }

                written += part;
            }
        }

        async Task EchoPatternAsync(long start)
        {
            for (var echoed = 0L; ;)
            {
                var read = await input.ReadAsync(Stop);
                foreach (var part in read.Buffer)
                {
                    Bytes.AssertPattern(part.Span, start + echoed);
                    output.Write(part.Span);
                    echoed += part.Length;
                }

                input.AdvanceTo(read.Buffer.End);
                if ((await output.FlushAsync(Stop)).IsCompleted || read.IsCompleted)
                {
                    return;
                }
            }
        }
    }

    private async Task ConverseAsync(LakouTransport? transport, EndPoint target, Random random)
    {
        var wish = new Wish(
            (Course)random.Next(Enum.GetValues<Course>().Length),
            random.Next(1_000_000),
            random.Next(4) == 0 ? random.Next(200_000) : random.Next(5_000));
        var sendRandom = new Random(random.Next());
        await using var end = await IEnd.OpenAsync(transport, target, Stop);
        Assert.True(await end.SendAsync(wish.ToBytes(), Stop));
        var sends = wish.Course is not Course.Generate and not Course.ServerAborts;
        var sending = SendAsync();
        var (received, isClean) = await ReceiveAsync();
        await sending;
        switch (wish.Course)
        {
            case Course.Echo or Course.Generate:
                Assert.Equal((wish.Count, true), (received, isClean));
                break;
            case Course.Sink:
                Assert.Equal((1, true), (received, isClean));
                break;
            case Course.ServerAborts:
                Assert.InRange(received, 0, wish.Count / 2);
                break;
            case Course.ServerEndsEarly:
                Assert.Equal((wish.Count / 2, true), (received, isClean));
                break;
            default:
                Assert.InRange(received, 0, wish.Count);
                break;
        }

        async Task SendAsync()
        {
            var resetAt = wish.Course == Course.ClientResets ? sendRandom.NextInt64(wish.Count + 1) : long.MaxValue;
            for (var sent = 0L; sends && sent < wish.Count && sent < resetAt;)
            {
                await MaybeStallAsync(sendRandom);
                var part = (int)Math.Min(sendRandom.Next(3) == 0 ? sendRandom.Next(1, 20_000) : sendRandom.Next(1, 500), wish.Count - sent);
                if (!await end.SendAsync(Bytes.Make(wish.Start + sent, part), Stop))
                {
                    break;
                }

                sent += part;
            }

            if (wish.Course == Course.ClientResets)
            {
                end.Reset();
            }
            else if (sends)
            {
                await end.EndSendingAsync(Stop);
            }
        }

        async Task<(long Received, bool IsClean)> ReceiveAsync()
        {
            var buffer = new byte[16 * 1024];
            for (var total = 0L; ;)
            {
                await MaybeStallAsync(random);
                var part = await end.ReceiveAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)), Stop);
                if (part <= 0)
                {
                    return (total, part == 0);
                }

                Bytes.AssertPattern(buffer.AsSpan(0, part), wish.Start + total);
                total += part;
            }
        }
    }

    private async Task MaybeStallAsync(Random random)
    {
        if (random.Next(50) == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 5)), TimeProvider.System, Stop);
        }
    }

    private sealed record Wish(Course Course, int Start, long Count)
    {
        public const int Size = 13;

        public static Wish Parse(ReadOnlySpan<byte> bytes) => new(
            (Course)bytes[0], BinaryPrimitives.ReadInt32LittleEndian(bytes[1..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[5..]));

        public byte[] ToBytes()
        {
            var bytes = new byte[Size];
            bytes[0] = (byte)Course;
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), Start);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(5), Count);
            return bytes;
        }
    }
}
