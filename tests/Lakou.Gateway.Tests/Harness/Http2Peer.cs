using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A client of HTTP/2, or an endpoint, frame by frame (RFC 9113 §4): header blocks are literals without indexing, so that nothing is checked on our side.</summary>
internal sealed class Http2Peer(RawPeer peer) : IDisposable
{
    private const int Data = 0;
    private const int HeadersFrame = 1;
    private const int ResetFrame = 3;
    private const int Settings = 4;

    public const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    public const int GoAway = 7;

    public RawPeer Peer { get; } = peer;

    /// <summary>The server's settings by identifier (RFC 9113 §6.5.2), once read.</summary>
    public Dictionary<int, uint> ServerSettings { get; } = [];

    public static async Task<Http2Peer> ConnectAsync(EndPoint endPoint)
    {
        var peer = new Http2Peer(await RawPeer.ConnectAsync(endPoint));
        await peer.Peer.SendAsync(Preface);
        await peer.SendAsync(Settings, 0, 0, []);
        return peer;
    }

    /// <summary>The endpoint's side of a connection.</summary>
    public static async Task<Http2Peer> AcceptAsync(RawPeer client)
    {
        Assert.Equal(Preface, await client.ReadAsync(Preface.Length));
        var peer = new Http2Peer(client);
        await peer.SendAsync(Settings, 0, 0, []);
        return peer;
    }

    /// <summary>The next stream that the client opens.</summary>
    public async Task<int> AcceptStreamAsync()
    {
        while (true)
        {
            var (type, stream, _, _) = await ReadAnyFrameAsync();
            if (type == HeadersFrame)
            {
                return stream;
            }
        }
    }

    /// <summary>RST_STREAM of this stream by the client; its error.</summary>
    public async Task<uint> ReadResetAsync(int stream)
    {
        while (true)
        {
            var (type, of, _, payload) = await ReadAnyFrameAsync();
            if (type == ResetFrame && of == stream)
            {
                return BinaryPrimitives.ReadUInt32BigEndian(payload);
            }
        }
    }

    public Task ResetAsync(int stream, uint error) => SendAsync(ResetFrame, 0, stream, Bytes(error));

    /// <summary>Streams after the last are not processed.</summary>
    public Task GoAwayAsync(uint last, uint error) => SendAsync(GoAway, 0, 0, [.. Bytes(last), .. Bytes(error)]);

    /// <summary>Opens a stream with these fields, pseudo fields first.</summary>
    public Task RequestAsync(int stream, bool end, params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0);
            Append(block, name);
            Append(block, value);
        }

        return SendAsync(HeadersFrame, end ? 5 : 4, stream, [.. block]);
    }

    public Task GetAsync(int stream, params (string Name, string Value)[] more)
        => RequestAsync(stream, true, [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"), .. more]);

    public Task DataAsync(int stream, bool end, string data) => SendAsync(Data, end ? 1 : 0, stream, Encoding.Latin1.GetBytes(data));

    /// <summary>The status of the next response on any stream; settings on the way are kept. 0 when the stream was reset or the connection ended.</summary>
    public async Task<int> ReadStatusAsync()
    {
        while (true)
        {
            var (type, payload) = await ReadFrameAsync();
            switch (type)
            {
                case HeadersFrame:
                    return StatusOf(payload);
                case ResetFrame or GoAway:
                    return 0;
            }
        }
    }

    /// <summary>The status of the next response, and whether it ends with its head.</summary>
    public async Task<(int Status, bool Ends)> ReadAnswerAsync()
    {
        while (true)
        {
            var (type, _, flags, payload) = await ReadAnyFrameAsync();
            if (type == HeadersFrame)
            {
                return (StatusOf(payload), (flags & 1) != 0);
            }
        }
    }

    /// <summary>Reads to a frame of this type.</summary>
    public async Task<byte[]> ReadToAsync(int wanted)
    {
        while (true)
        {
            var (type, payload) = await ReadFrameAsync();
            if (type == wanted)
            {
                return payload;
            }
        }
    }

    public void Dispose() => Peer.Dispose();

    private static byte[] Bytes(uint number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return bytes;
    }

    private async Task<(int Type, byte[] Payload)> ReadFrameAsync()
    {
        var (type, _, _, payload) = await ReadAnyFrameAsync();
        return (type, payload);
    }

    private async Task<(int Type, int Stream, int Flags, byte[] Payload)> ReadAnyFrameAsync()
    {
        var head = Encoding.Latin1.GetBytes(await Peer.ReadAsync(9));
        var payload = Encoding.Latin1.GetBytes(await Peer.ReadAsync((head[0] << 16) | (head[1] << 8) | head[2]));
        if (head[3] == Settings && (head[4] & 1) == 0)
        {
            for (var at = 0; at < payload.Length; at += 6)
            {
                ServerSettings[BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(at))] = BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(at + 2));
            }

            await SendAsync(Settings, 1, 0, []);
        }

        return (head[3], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), head[4], payload);
    }

    private Task SendAsync(int type, int flags, int stream, byte[] payload)
    {
        byte[] head = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, (byte)type, (byte)flags, 0, 0, (byte)(stream >> 8), (byte)stream];
        return Peer.SendAsync([.. head, .. payload]);
    }

    private static void Append(List<byte> block, string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        for (var rest = bytes.Length; ;)
        {
            // RFC 7541 §5.1, a prefix of 7 bits, no Huffman.
            if (rest == bytes.Length && rest < 127)
            {
                block.Add((byte)rest);
                break;
            }

            block.Add(127);
            for (rest -= 127; rest >= 128; rest >>= 7)
            {
                block.Add((byte)(rest | 128));
            }

            block.Add((byte)rest);
            break;
        }

        block.AddRange(bytes);
    }

    /// <summary>":status" comes first: an entry of the static table, or a literal with its name (RFC 7541 appendix A).</summary>
    private static int StatusOf(byte[] block)
    {
        var at = 0;
        while ((block[at] & 0xe0) == 0x20)
        {
            at += (block[at++] & 0x1f) == 0x1f ? ContinuationOf(block, at) : 0; // the size of the table changes
        }

        return block[at] >= 0x80
            ? new[] { 200, 204, 206, 304, 400, 404, 500 }[(block[at] & 0x7f) - 8]
            : int.Parse(Encoding.Latin1.GetString(block, at + 2, 3));

        static int ContinuationOf(byte[] block, int at)
        {
            var length = 1;
            while ((block[at++] & 0x80) != 0)
            {
                length++;
            }

            return length;
        }
    }
}
