using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Lakou.Gateway.Upstreams.Discovery.Dns;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

/// <summary>A name server on loopback, over UDP and TCP on one port. What it knows is set by the test; so are its manners.</summary>
internal sealed class NameServer : IDisposable
{
    private readonly Socket _udp;
    private readonly Socket _tcp;
    private readonly ConcurrentQueue<string> _asked = new();

    private NameServer(Socket udp, Socket tcp) => (_udp, _tcp) = (udp, tcp);

    public IPEndPoint Address => (IPEndPoint)_udp.LocalEndPoint!;

    public ConcurrentDictionary<(string Name, DnsType Type), Bytes> Zone { get; } = new();

    /// <summary>Answers in place of the zone: the datagrams to send, in order.</summary>
    public Func<byte[], IEnumerable<byte[]>>? Instead { get; set; }

    /// <summary><c>udp orders.test A</c></summary>
    public string[] Asked => [.. _asked];

    /// <summary>From which this server answers over UDP; null for the port that was asked.</summary>
    public Socket? AnswersFrom { get; set; }

    public static NameServer Start()
    {
        while (true)
        {
            var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            udp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            try
            {
                tcp.Bind(udp.LocalEndPoint!);
                tcp.Listen();
            }
            catch (SocketException)
            {
                udp.Dispose();
                tcp.Dispose();
                continue;
            }

            var server = new NameServer(udp, tcp);
            _ = server.ServeUdpAsync();
            _ = server.ServeTcpAsync();
            return server;
        }
    }

    public NameServer With(string name, uint ttl, params string[] addresses)
    {
        var type = addresses[0].Contains(':', StringComparison.Ordinal) ? DnsType.Aaaa : DnsType.A;
        Zone[(name, type)] = new Bytes { Answers = [.. addresses.Select(address => Record(name, type, ttl, IPAddress.Parse(address).GetAddressBytes()))] };
        return this;
    }

    public NameServer Without(string name)
    {
        Zone.TryRemove((name, DnsType.A), out _);
        return this;
    }

    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
    }

    public static byte[] Record(string owner, DnsType type, uint ttl, byte[] data)
    {
        var name = Name(owner);
        var record = new byte[name.Length + 10 + data.Length];
        name.CopyTo(record, 0);
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(name.Length), (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(name.Length + 2), 1);
        BinaryPrimitives.WriteUInt32BigEndian(record.AsSpan(name.Length + 4), ttl);
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(name.Length + 8), (ushort)data.Length);
        data.CopyTo(record, name.Length + 10);
        return record;
    }

    public static byte[] Service(int priority, int weight, int port, string target)
        => [(byte)(priority >> 8), (byte)priority, (byte)(weight >> 8), (byte)weight, (byte)(port >> 8), (byte)port, .. Name(target)];

    public static byte[] Name(string name)
        => [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(label => Encoding.Latin1.GetBytes(label).Prepend((byte)label.Length)), 0];

    /// <summary>The answer to a query: its id and question, these flags and records.</summary>
    public static byte[] Answer(byte[] query, Bytes content)
    {
        byte[] answer = [.. Question(query), .. content.Answers.SelectMany(record => record), .. content.Additionals.SelectMany(record => record)];
        answer[2] = (byte)(0x81 | (content.IsTruncated ? 2 : 0));
        answer[3] = (byte)(0x80 | (int)content.Code);
        answer[7] = (byte)content.Answers.Length;
        answer[6] = (byte)(content.Answers.Length >> 8);
        answer[11] = (byte)content.Additionals.Length;
        return answer;
    }

    private static byte[] Question(byte[] query)
    {
        var end = Array.IndexOf(query, (byte)0, 12) + 5;
        return query[..end];
    }

    private byte[][] AnswersTo(byte[] query, string protocol)
    {
        var end = Array.IndexOf(query, (byte)0, 12);
        var labels = new List<string>();
        for (var at = 12; at < end; at += query[at] + 1)
        {
            labels.Add(Encoding.ASCII.GetString(query, at + 1, query[at]));
        }

        var (name, type) = (string.Join('.', labels), (DnsType)BinaryPrimitives.ReadUInt16BigEndian(query.AsSpan(end + 1)));
        _asked.Enqueue($"{protocol} {name} {type}");
        if (Instead is not null)
        {
            return [.. Instead(query)];
        }

        var known = Zone.GetValueOrDefault((name, type)) ?? new Bytes { Code = Zone.Keys.Any(key => key.Name == name) ? DnsCode.NoError : DnsCode.NxDomain };
        var whole = Answer(query, known);
        return [protocol == "udp" && whole.Length > DnsMessage.PayloadSize ? Answer(query, new Bytes { IsTruncated = true }) : whole];
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[2048];
        try
        {
            while (true)
            {
                var from = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                foreach (var answer in AnswersTo(buffer[..from.ReceivedBytes], "udp"))
                {
                    await (AnswersFrom ?? _udp).SendToAsync(answer, from.RemoteEndPoint);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _tcp.AcceptAsync();
                await using var stream = new NetworkStream(client);
                var length = new byte[2];
                await stream.ReadExactlyAsync(length);
                var query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(query);
                foreach (var answer in AnswersTo(query, "tcp"))
                {
                    BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)answer.Length);
                    await stream.WriteAsync((byte[])[.. length, .. answer]);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over, or the client left.
        }
    }

    /// <summary>Parts of an answer, records as they go over the wire.</summary>
    internal sealed record Bytes
    {
        public DnsCode Code { get; init; }

        public bool IsTruncated { get; init; }

        public byte[][] Answers { get; init; } = [];

        public byte[][] Additionals { get; init; } = [];
    }
}
