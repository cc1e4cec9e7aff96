using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Lakou.Load;

/// <summary>
/// As much of RFC 6455 as an echo of short texts needs.
/// <code>
///   from a client:  81 | 80 + length | four bytes of key | text, each byte XOR the key's      length at most 125
///   from a server:  81 |      length | text
/// </code>
/// </summary>
internal static class WebSocketFrames
{
    // RFC 6455, 1.3: the nonce of the example and what a server makes of it.
    public const string SampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    private const string SampleKey = "dGhlIHNhbXBsZSBub25jZQ==";

    private const byte FinalText = 0x81;
    private const byte Masked = 0x80;
    private const int MaxShort = 125;

    // RFC 6455, 5.7: the key of the example. It protects caches from scripts, which there are none of here.
    private static readonly byte[] Key = [0x37, 0xfa, 0x21, 0x3d];

    public static byte[] Handshake(IPEndPoint address, string path) => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {SampleKey}\r\nSec-WebSocket-Version: 13\r\n\r\n");

    /// <summary>101 to a handshake; 400 when it is none, as to the connections that only ask whether anyone listens.</summary>
    public static byte[] Acceptance(string handshake)
    {
        const string Name = "Sec-WebSocket-Key:";
        var line = handshake.Split("\r\n").FirstOrDefault(line => line.StartsWith(Name, StringComparison.OrdinalIgnoreCase));
        if (line is null)
        {
            return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
        }

#pragma warning disable CA5350 // RFC 6455 asks for SHA-1, as a sign of understanding and not for safety
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(line[Name.Length..].Trim() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        return Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
    }

    /// <summary>The head that comes first on a connection. Of what follows it nothing is needed: frames come later, and the body of a refusal is not read.</summary>
    public static async Task<string> ReceiveHeadAsync(Socket socket)
    {
        var buffer = new byte[8192];
        var filled = 0;
        while (buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8) < 0)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(filled));
            if (count == 0)
            {
                throw new SocketException((int)SocketError.ConnectionReset);
            }

            filled += count;
        }

        return Encoding.ASCII.GetString(buffer, 0, filled);
    }

    public static byte[] FromClient(ReadOnlySpan<byte> text)
    {
        byte[] frame = [FinalText, (byte)(Masked | text.Length), .. Key, .. text];
        Unmask(frame.AsSpan(6), Key);
        return frame;
    }

    public static byte[] FromServer(ReadOnlySpan<byte> text) => [FinalText, (byte)text.Length, .. text];

    /// <summary>Turns every whole frame in <paramref name="received"/> into its answer.</summary>
    /// <returns>Bytes taken, −1 when a frame is none of a short text; bytes made, fewer than those taken.</returns>
    public static (int Taken, int Made) Echo(ReadOnlySpan<byte> received, Span<byte> answers)
    {
        var taken = 0;
        var made = 0;
        while (received.Length - taken >= 2)
        {
            var frame = received[taken..];
            var length = frame[1] & ~Masked;
            if (frame[0] != FinalText || (frame[1] & Masked) == 0 || length > MaxShort)
            {
                return (-1, 0);
            }

            if (frame.Length < 6 + length)
            {
                break;
            }

            answers[made] = FinalText;
            answers[made + 1] = (byte)length;
            var text = answers.Slice(made + 2, length);
            frame.Slice(6, length).CopyTo(text);
            Unmask(text, frame.Slice(2, 4));
            taken += 6 + length;
            made += 2 + length;
        }

        return (taken, made);
    }

    private static void Unmask(Span<byte> text, ReadOnlySpan<byte> key)
    {
        for (var i = 0; i < text.Length; i++)
        {
            text[i] ^= key[i % 4];
        }
    }
}
