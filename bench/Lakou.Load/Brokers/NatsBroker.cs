using System.Buffers.Text;
using System.Net;
using System.Text;

namespace Lakou.Load.Brokers;

/// <summary>A stream on files and a durable pull consumer for each subscription, in the text protocol. A batch is published without waiting in between.</summary>
internal sealed class NatsBroker(IPEndPoint address) : IBroker
{
    private static int s_connections;

    public async Task ResetAsync(int subscriptions)
    {
        await using var worker = await ConnectAsync(1);
        await worker.AskAsync("$JS.API.STREAM.DELETE.bench", "", mayFail: true);
        await worker.AskAsync("$JS.API.STREAM.CREATE.bench", """{"name":"bench","subjects":["bench"],"storage":"file","retention":"limits","num_replicas":1}""");
        for (var i = 0; i < subscriptions; i++)
        {
            await worker.AskAsync(
                $"$JS.API.CONSUMER.DURABLE.CREATE.bench.s{i}",
                $$$"""{"stream_name":"bench","config":{"durable_name":"s{{{i}}}","ack_policy":"explicit","deliver_policy":"all","max_ack_pending":100000}}""");
        }
    }

    public async Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker) => await ConnectAsync(batch);

    private async Task<Worker> ConnectAsync(int batch)
    {
        var worker = new Worker(await Wire.ConnectAsync(address), $"_INBOX.{Interlocked.Increment(ref s_connections)}.{Environment.ProcessId}", batch);
        await worker.BeginAsync();
        return worker;
    }

    private sealed class Worker(Wire wire, string inbox, int batch) : IWorker
    {
        private readonly byte[] _publish = [.. Enumerable.Repeat(Publish("bench", inbox, Payload.Text), batch).SelectMany(message => message)];
        private readonly StringBuilder _acks = new();

        // Of the message that was read last.
        private string _reply = "";
        private string _text = "";
        private int _size;

        public async ValueTask BeginAsync() => await wire.SendAsync(Encoding.ASCII.GetBytes($$"""CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}""" + $"\r\nSUB {inbox} 1\r\n"));

        public async Task AskAsync(string subject, string body, bool mayFail = false)
        {
            await wire.SendAsync(Publish(subject, inbox, body));
            await ReadAsync();
            Check(mayFail);
        }

        public async ValueTask PublishAsync()
        {
            await wire.SendAsync(_publish);
            for (var i = 0; i < batch; i++)
            {
                await ReadAsync();
                Check();
            }
        }

        public async ValueTask TakeAsync(int subscription)
        {
            for (var left = batch; left > 0;)
            {
                await wire.SendAsync(Publish($"$JS.API.CONSUMER.MSG.NEXT.bench.s{subscription}", inbox, $$"""{"batch":{{left}},"expires":5000000000}"""));
                var taken = 0;
                _acks.Clear();
                while (taken < left)
                {
                    await ReadAsync();
                    if (_size != Payload.Text.Length)
                    {
                        break; // a status: the time is up
                    }

                    // With a reply of its own, so that the server answers once it has the acknowledgement.
                    _acks.Append($"PUB {_reply} {inbox} 0\r\n\r\n");
                    taken++;
                }

                await wire.SendAsync(Encoding.ASCII.GetBytes(_acks.ToString()));
                for (var i = 0; i < taken; i++)
                {
                    await ReadAsync();
                }

                left -= taken;
            }
        }

        public ValueTask DisposeAsync()
        {
            wire.Dispose();
            return ValueTask.CompletedTask;
        }

        private static byte[] Publish(string subject, string reply, string body) => Encoding.ASCII.GetBytes($"PUB {subject} {reply} {body.Length}\r\n{body}\r\n");

        private void Check(bool mayFail = false)
        {
            if (!mayFail && (_size == 0 || _text.Contains("\"error\"", StringComparison.Ordinal)))
            {
                throw new BrokerException($"NATS answered '{_text}'");
            }
        }

        /// <summary>The next message: <c>MSG subject sid [reply] size</c>, <c>HMSG subject sid [reply] head size</c>.</summary>
        private async ValueTask ReadAsync()
        {
            while (true)
            {
                if (TryRead(out var isPing))
                {
                    if (!isPing)
                    {
                        return;
                    }

                    await wire.SendAsync("PONG\r\n"u8.ToArray());
                    continue;
                }

                await wire.ReceiveAsync();
            }
        }

        private bool TryRead(out bool isPing)
        {
            isPing = false;
            while (wire.Received.IndexOf("\r\n"u8) is >= 0 and var end)
            {
                var line = wire.Received[..end];
                if (line.StartsWith("MSG "u8) || line.StartsWith("HMSG "u8))
                {
                    return TryReadMessage(line);
                }

                if (line.StartsWith("-ERR"u8))
                {
                    throw new BrokerException(Encoding.UTF8.GetString(line));
                }

                isPing = line.SequenceEqual("PING"u8);
                wire.Take(end + 2); // INFO, +OK, PING
                if (isPing)
                {
                    return true;
                }
            }

            return false;
        }

        private bool TryReadMessage(ReadOnlySpan<byte> line)
        {
            var isWithHead = line[0] == 'H';
            var whole = line.Length + 2;
            if (!Utf8Parser.TryParse(line[(line.LastIndexOf((byte)' ') + 1)..], out int size, out _) || wire.Received.Length < (whole += size + 2))
            {
                return false;
            }

            var body = wire.Received.Slice(line.Length + 2, size);
            var reply = line.IndexOf("$JS.ACK."u8);
            _reply = reply < 0 ? "" : Encoding.ASCII.GetString(line[reply..(reply + line[reply..].IndexOf((byte)' '))]);
            _size = isWithHead ? 0 : size;
            _text = size < Payload.Text.Length ? Encoding.UTF8.GetString(body) : "";
            wire.Take(whole);
            return true;
        }
    }
}
