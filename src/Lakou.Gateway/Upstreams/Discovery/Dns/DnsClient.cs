using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

/// <summary>
/// Asks name servers: over UDP, and over TCP what did not fit. An answer counts if it comes from the server that was asked, to the port that asked,
/// with the id and the question; id and port are random for each question.
/// </summary>
internal sealed class DnsClient(ResolverSettings settings, TimeProvider time)
{
    // Who floods the port with guesses of the id gets no more than these; TCP takes over, where a guess would need the sequence numbers too.
    private const int MostStrangers = 16;

    /// <summary>The first answer that is one, be it that the name does not exist.</summary>
    /// <exception cref="DiscoveryException">No server has one.</exception>
    public async Task<DnsMessage> AskAsync(string name, DnsType type, CancellationToken stop)
    {
        var (reason, problem) = ("", "");
        for (var attempt = 0; attempt < settings.Attempts; attempt++)
        {
            foreach (var server in settings.Servers)
            {
                using var timeout = new CancellationTokenSource(settings.Timeout, time);
                using var end = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stop);
                try
                {
                    var answer = await AskAsync(server, name, type, end.Token);
                    if (answer.Code is DnsCode.NoError or DnsCode.NxDomain)
                    {
                        return answer;
                    }

                    (reason, problem) = (DiscoveryFailure.Answer, $"{server} answered {answer.Code.ToString().ToUpperInvariant()}");
                }
                catch (OperationCanceledException) when (!stop.IsCancellationRequested)
                {
                    (reason, problem) = (DiscoveryFailure.Timeout, $"{server} did not answer within {settings.Timeout.TotalSeconds:0.###} s");
                }
                catch (Exception e) when (e is SocketException or IOException)
                {
                    (reason, problem) = (DiscoveryFailure.Unreachable, $"{server}: {(e as SocketException)?.SocketErrorCode.ToString() ?? e.Message}");
                }
                catch (DnsFormatException e)
                {
                    (reason, problem) = (DiscoveryFailure.Answer, $"{server} gave a broken answer: {e.Message}");
                }
            }
        }

        throw new DiscoveryException(reason, $"no name server answers for {name} ({type.ToString().ToUpperInvariant()}); the last was {problem}");
    }

    private static async Task<DnsMessage> AskAsync(IPEndPoint server, string name, DnsType type, CancellationToken end)
    {
        var answer = await AskAsync(server, name, type, edns: true, end);
        return answer.Code is DnsCode.FormErr or DnsCode.NotImp ? await AskAsync(server, name, type, edns: false, end) : answer;
    }

    private static async Task<DnsMessage> AskAsync(IPEndPoint server, string name, DnsType type, bool edns, CancellationToken end)
    {
        var query = DnsMessage.Ask((ushort)RandomNumberGenerator.GetInt32(ushort.MaxValue + 1), name, type, edns);
        var answer = await OverUdpAsync(server, query, name, type, end);
        return answer is { IsTruncated: false } ? answer : await OverTcpAsync(server, query, name, type, end);
    }

    /// <summary>Null when too much else came.</summary>
    private static async Task<DnsMessage?> OverUdpAsync(IPEndPoint server, byte[] query, string name, DnsType type, CancellationToken end)
    {
        // Connected: the kernel drops what others send, and picks a random port.
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, end);
        await socket.SendAsync(query, end);
        var buffer = new byte[ushort.MaxValue];
        for (var strangers = 0; strangers < MostStrangers; strangers++)
        {
            var received = buffer.AsMemory(0, await socket.ReceiveAsync(buffer, end));
            if (HasId(received.Span, query) && DnsMessage.Read(received.Span) is var answer && IsFor(answer, name, type))
            {
                return answer;
            }
        }

        return null;
    }

    private static async Task<DnsMessage> OverTcpAsync(IPEndPoint server, byte[] query, string name, DnsType type, CancellationToken end)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server, end);
        await using var stream = new NetworkStream(socket);
        var framed = new byte[2 + query.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)query.Length);
        query.CopyTo(framed, 2);
        await stream.WriteAsync(framed, end);
        await stream.ReadExactlyAsync(framed.AsMemory(0, 2), end);
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(framed)];
        await stream.ReadExactlyAsync(message, end);
        return HasId(message, query) && DnsMessage.Read(message) is { IsTruncated: false } answer && IsFor(answer, name, type)
            ? answer
            : throw new DnsFormatException("it is to another question, or cut");
    }

    private static bool HasId(ReadOnlySpan<byte> message, byte[] query) => message.Length >= 2 && message[..2].SequenceEqual(query.AsSpan(0, 2));

    /// <summary>A server that does not understand the question may leave it out.</summary>
    private static bool IsFor(DnsMessage answer, string name, DnsType type)
        => answer.HasQuestion ? answer.Type == type && answer.Name.Equals(name, StringComparison.OrdinalIgnoreCase) : answer.Code is DnsCode.FormErr or DnsCode.NotImp;
}
