using System.Buffers.Text;
using System.Net;
using System.Text;

namespace Lakou.Load.Brokers;

/// <summary>A stream and a consumer group for each subscription, in RESP 2. A batch goes out as one pipeline.</summary>
internal sealed class RedisBroker(IPEndPoint address) : IBroker
{
    public async Task ResetAsync(int subscriptions)
    {
        using var wire = await Wire.ConnectAsync(address);
        await AskAsync(wire, Command("FLUSHALL", "SYNC"));
        for (var i = 0; i < subscriptions; i++)
        {
            await AskAsync(wire, Command("XGROUP", "CREATE", "bench", $"s{i}", "0", "MKSTREAM"));
        }
    }

    public async Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker) => new Worker(await Wire.ConnectAsync(address), batch);

    private static byte[] Command(params IEnumerable<string> words)
    {
        var count = 0;
        var text = new StringBuilder();
        foreach (var word in words)
        {
            text.Append($"${word.Length}\r\n{word}\r\n");
            count++;
        }

        return Encoding.ASCII.GetBytes($"*{count}\r\n{text}");
    }

    private static async ValueTask AskAsync(Wire wire, ReadOnlyMemory<byte> command)
    {
        await wire.SendAsync(command);
        wire.Take(await ReplyAsync(wire));
    }

    /// <summary>Waits for a whole reply.</summary>
    /// <returns>Its bytes; they are not taken.</returns>
    private static async ValueTask<int> ReplyAsync(Wire wire)
    {
        int length;
        while ((length = LengthOf(wire.Received)) == 0)
        {
            await wire.ReceiveAsync();
        }

        return wire.Received[0] == '-' ? throw new BrokerException(Encoding.UTF8.GetString(wire.Received[..length])) : length;
    }

    /// <summary>Bytes of the first reply; 0 while it is not complete.</summary>
    private static int LengthOf(ReadOnlySpan<byte> received)
    {
        var line = received.IndexOf("\r\n"u8);
        if (line < 0)
        {
            return 0;
        }

        var length = line + 2;
        var size = Utf8Parser.TryParse(received[1..line], out int number, out _) ? number : -1;
        switch ((char)received[0])
        {
            case '$' when size >= 0:
                length += size + 2;
                return length <= received.Length ? length : 0;

            case '*':
                for (; size > 0; size--)
                {
                    var inner = LengthOf(received[length..]);
                    if (inner == 0)
                    {
                        return 0;
                    }

                    length += inner;
                }

                return length;

            default:
                return length;
        }
    }

    private sealed class Worker(Wire wire, int batch) : IWorker
    {
        private static int s_workers;

        private readonly string _name = $"w{Interlocked.Increment(ref s_workers)}";
        private readonly byte[] _publish = [.. Enumerable.Repeat(Command("XADD", "bench", "*", "d", Payload.Text), batch).SelectMany(command => command)];
        private readonly List<string> _ids = [];

        public async ValueTask PublishAsync()
        {
            await wire.SendAsync(_publish);
            for (var i = 0; i < batch; i++)
            {
                wire.Take(await ReplyAsync(wire));
            }
        }

        public async ValueTask TakeAsync(int subscription)
        {
            for (var left = batch; left > 0; left -= _ids.Count)
            {
                await wire.SendAsync(Command("XREADGROUP", "GROUP", $"s{subscription}", _name, "COUNT", $"{left}", "BLOCK", "5000", "STREAMS", "bench", ">"));
                var length = await ReplyAsync(wire);
                ReadIds(wire.Received[..length]);
                wire.Take(length);
                if (_ids.Count > 0)
                {
                    await AskAsync(wire, Command(["XACK", "bench", $"s{subscription}", .. _ids]));
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            wire.Dispose();
            return ValueTask.CompletedTask;
        }

        // *1 *2 $5 bench *N, and of each event *2 $… ID *2 $1 d $1024 …; nothing when the time is up.
        private void ReadIds(ReadOnlySpan<byte> reply)
        {
            _ids.Clear();
            if (!reply.StartsWith("*1\r\n*2\r\n$5\r\nbench\r\n*"u8))
            {
                return;
            }

            reply = reply["*1\r\n*2\r\n$5\r\nbench\r\n".Length..];
            reply = reply[(reply.IndexOf((byte)'\n') + 1)..];
            while (!reply.IsEmpty)
            {
                var whole = LengthOf(reply);
                var id = reply[(reply.IndexOf((byte)'$') + 1)..];
                id = id[(id.IndexOf((byte)'\n') + 1)..];
                _ids.Add(Encoding.ASCII.GetString(id[..id.IndexOf((byte)'\r')]));
                reply = reply[whole..];
            }
        }
    }
}
