using System.Net;
using System.Text;

namespace Lakou.Load.Brokers;

/// <summary>Over HTTP/1.1, on a route that opens the backbone to operators too.</summary>
internal sealed class LakouBroker(IPEndPoint address) : IBroker
{
    // Of the 1 KiB events: ids are made by Lakou, or not looked at.
    private const string Topic = """{"partitions":8,"dedup":"0s"}""";
    private const int MostSubscriptions = 10;

    public async Task ResetAsync(int subscriptions)
    {
        using var wire = await Wire.ConnectAsync(address);
        for (var i = 0; i < MostSubscriptions; i++)
        {
            await AskAsync(wire, "DELETE", $"/v1/subscriptions/s{i}", "", "HTTP/1.1 204", "HTTP/1.1 404");
        }

        await AskAsync(wire, "DELETE", "/v1/topics/bench", "", "HTTP/1.1 204", "HTTP/1.1 404");
        await AskAsync(wire, "PUT", "/v1/topics/bench", Topic, "HTTP/1.1 200");
        for (var i = 0; i < subscriptions; i++)
        {
            await AskAsync(wire, "PUT", $"/v1/subscriptions/s{i}", """{"topic":"bench","in-flight":65536}""", "HTTP/1.1 200");
        }
    }

    public async Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker) => new Worker(await Wire.ConnectAsync(address), address, batch);

    private async Task AskAsync(Wire wire, string method, string path, string body, params string[] allowed)
    {
        await wire.SendAsync(Request(address, method, path, "application/json", body));
        var length = await AnswerAsync(wire);
        var answer = Encoding.ASCII.GetString(wire.Received[..length]);
        wire.Take(length);
        if (!allowed.Any(status => answer.StartsWith(status, StringComparison.Ordinal)))
        {
            throw new BrokerException($"{method} {path}: {answer}");
        }
    }

    private static byte[] Request(IPEndPoint address, string method, string path, string contentType, string body) => Encoding.ASCII.GetBytes(
        $"{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {contentType}\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    /// <summary>Waits for a whole answer.</summary>
    /// <returns>Its bytes; they are not taken.</returns>
    private static async ValueTask<int> AnswerAsync(Wire wire)
    {
        while (true)
        {
            var length = HttpAnswer.LengthOf(wire.Received);
            if (length > 0 && length <= wire.Received.Length)
            {
                return length;
            }

            await wire.ReceiveAsync();
        }
    }

    private sealed class Worker(Wire wire, IPEndPoint address, int batch) : IWorker
    {
        private readonly byte[] _publish = batch == 1
            ? Request(address, "POST", "/v1/topics/bench/events", "text/plain", Payload.Text)
            : Request(address, "POST", "/v1/topics/bench/events", "application/cloudevents-batch+json", Batch(batch));

        private readonly List<string> _leases = [];

        public async ValueTask PublishAsync()
        {
            await wire.SendAsync(_publish);
            var length = await AnswerAsync(wire);
            Check("HTTP/1.1 202 "u8, length);
            wire.Take(length);
        }

        public async ValueTask TakeAsync(int subscription)
        {
            // No more than is left: the rest are for others, who wait for as many as they published.
            for (var left = batch; left > 0; left -= _leases.Count)
            {
                await wire.SendAsync(Request(address, "POST", $"/v1/subscriptions/s{subscription}/receive", "application/json", $$"""{"max":{{left}},"wait":"5s"}"""));
                var length = await AnswerAsync(wire);
                Check("HTTP/1.1 200 "u8, length);
                ReadLeases(wire.Received[..length]);
                wire.Take(length);
                if (_leases.Count > 0)
                {
                    await AcknowledgeAsync(subscription);
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            wire.Dispose();
            return ValueTask.CompletedTask;
        }

        private static string Batch(int count)
        {
            var one = $$"""{"specversion":"1.0","id":"1","source":"/bench","type":"bench","datacontenttype":"text/plain","data":"{{Payload.Text}}"}""";
            return $"[{string.Join(',', Enumerable.Repeat(one, count))}]";
        }

        private async ValueTask AcknowledgeAsync(int subscription)
        {
            await wire.SendAsync(Request(address, "POST", $"/v1/subscriptions/s{subscription}/ack", "application/json", $$"""{"leases":["{{string.Join("\",\"", _leases)}}"]}"""));
            var length = await AnswerAsync(wire);
            Check("HTTP/1.1 200 "u8, length);
            if (wire.Received[..length].IndexOf("\"gone\":[]"u8) < 0)
            {
                throw new BrokerException("A lease was gone when it was acknowledged.");
            }

            wire.Take(length);
        }

        // The text of the events does not hold it.
        private void ReadLeases(ReadOnlySpan<byte> answer)
        {
            _leases.Clear();
            for (var found = answer.IndexOf("\"lease\":\""u8); found >= 0; found = answer.IndexOf("\"lease\":\""u8))
            {
                answer = answer[(found + "\"lease\":\"".Length)..];
                _leases.Add(Encoding.ASCII.GetString(answer[..answer.IndexOf((byte)'"')]));
            }
        }

        private void Check(ReadOnlySpan<byte> status, int length)
        {
            if (!wire.Received.StartsWith(status))
            {
                throw new BrokerException(Encoding.UTF8.GetString(wire.Received[..length]));
            }
        }
    }
}
