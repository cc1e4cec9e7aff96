using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Gateway.Layer4;

internal enum ProxyHeaderStatus
{
    NeedMore,
    Found,
    Invalid,
}

/// <summary>
/// What a proxy says of the connection that it passes on, before the first byte of it: the PROXY protocol of HAProxy (proxy-protocol.txt, 2020).
/// <code>
/// v1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n        or TCP6, or UNKNOWN and whatever until \r\n
/// v2   signature 12 | version 2 and command u4 u4 | family and transport u4 u4 | length u16 | addresses | TLVs
///        command    0 LOCAL: the proxy itself speaks    1 PROXY
///        family     0 unknown    1 IPv4: 4 4 u16 u16    2 IPv6: 16 16 u16 u16    3 Unix: 108 108
/// </code>
/// </summary>
/// <param name="Source">The client; null when the sender speaks for itself, or does not know.</param>
/// <param name="Destination">What the client connected to; null with the source.</param>
internal readonly record struct ProxyHeader(IPEndPoint? Source, IPEndPoint? Destination)
{
    /// <summary>The longest text, its line end included, by the specification.</summary>
    public const int MaxBytesV1 = 107;

    /// <summary>4 KiB: nginx's bound. Addresses take 232; the rest is for TLVs, which are skipped.</summary>
    public const int MaxBytesV2 = 4096;

    private const int FixedBytesV2 = 16;

    private static ReadOnlySpan<byte> SignatureV1 => "PROXY "u8;

    private static ReadOnlySpan<byte> SignatureV2 => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <param name="received">From the first byte of the connection.</param>
    /// <param name="header">When found.</param>
    /// <param name="length">Of the header in bytes, when found; the next is the connection's first.</param>
    public static ProxyHeaderStatus Parse(in ReadOnlySequence<byte> received, out ProxyHeader header, out int length)
    {
        header = default;
        length = 0;
        Span<byte> start = stackalloc byte[MaxBytesV1];
        start = start[..(int)Math.Min(received.Length, start.Length)];
        received.Slice(0, start.Length).CopyTo(start);
        return start.IsEmpty ? ProxyHeaderStatus.NeedMore
            : start[0] == SignatureV1[0] ? ParseV1(start, out header, out length)
            : ParseV2(start, received, out header, out length);
    }

    /// <summary>Writes what the two addresses are; unknown when one is no IP address.</summary>
    public static void Write(IBufferWriter<byte> output, ProxyProtocol version, EndPoint? source, EndPoint? destination)
    {
        var (from, to) = Pair(source, destination);
        if (version == ProxyProtocol.V1)
        {
            WriteV1(output, from, to);
        }
        else
        {
            WriteV2(output, from, to);
        }
    }

    private static ProxyHeaderStatus ParseV1(ReadOnlySpan<byte> start, out ProxyHeader header, out int length)
    {
        (header, length) = (default, 0);
        if (!Agrees(start, SignatureV1))
        {
            return ProxyHeaderStatus.Invalid;
        }

        var end = start.IndexOfAny((byte)'\r', (byte)'\n');
        if (end < 0 || (end == start.Length - 1 && start[end] == '\r'))
        {
            return start.Length < MaxBytesV1 ? ProxyHeaderStatus.NeedMore : ProxyHeaderStatus.Invalid;
        }

        if (!start[end..].StartsWith("\r\n"u8) || !TryParseText(Encoding.Latin1.GetString(start[SignatureV1.Length..end]), out header))
        {
            return ProxyHeaderStatus.Invalid;
        }

        length = end + 2;
        return ProxyHeaderStatus.Found;
    }

    private static bool TryParseText(string text, out ProxyHeader header)
    {
        header = default;
        if (text == "UNKNOWN" || text.StartsWith("UNKNOWN ", StringComparison.Ordinal))
        {
            return true;
        }

        if (text.Split(' ') is not [var family, var from, var to, var fromPort, var toPort]
            || !TryParseAddress(family, from, out var source) || !TryParseAddress(family, to, out var destination)
            || !TryParsePort(fromPort, out var sourcePort) || !TryParsePort(toPort, out var destinationPort))
        {
            return false;
        }

        header = new(new(source, sourcePort), new(destination, destinationPort));
        return true;
    }

    private static bool TryParseAddress(string family, string text, out IPAddress address)
    {
        address = IPAddress.None;
        if (!IPAddress.TryParse(text, out var parsed))
        {
            return false;
        }

        address = parsed;
        return family switch
        {
            // Four decimal numbers: .NET reads others too, as 0x7f.1, and writes this form alone.
            "TCP4" => address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text,
            "TCP6" => address.AddressFamily == AddressFamily.InterNetworkV6 && text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.'), // no brackets, no zone
            _ => false,
        };
    }

    private static bool TryParsePort(string text, out ushort port)
        => ushort.TryParse(text, System.Globalization.NumberStyles.None, null, out port) && (text.Length == 1 || text[0] != '0');

    private static ProxyHeaderStatus ParseV2(ReadOnlySpan<byte> start, in ReadOnlySequence<byte> received, out ProxyHeader header, out int length)
    {
        // 1. The sixteen bytes that every header has.
        (header, length) = (default, 0);
        if (!Agrees(start, SignatureV2) || (start.Length > 12 && start[12] is not (0x20 or 0x21)))
        {
            return ProxyHeaderStatus.Invalid;
        }

        if (start.Length < FixedBytesV2)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        // 2. All of it, bounded.
        int family = start[13] >> 4, transport = start[13] & 15, size = BinaryPrimitives.ReadUInt16BigEndian(start[14..]);
        var isIp = family is 1 or 2;
        var addressBytes = family == 1 ? 4 : 16;
        if (family > 3 || transport > 2 || FixedBytesV2 + size > MaxBytesV2)
        {
            return ProxyHeaderStatus.Invalid;
        }

        if (received.Length < FixedBytesV2 + size)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        // 3. Addresses of a stream. Others (a Unix socket's, a datagram's) tell nothing of this connection; what follows them is skipped.
        if (start[12] == 0x21 && isIp && transport == 1)
        {
            if (size < (2 * addressBytes) + 4)
            {
                return ProxyHeaderStatus.Invalid;
            }

            var block = start.Slice(FixedBytesV2, (2 * addressBytes) + 4); // 52 at most: here in whole
            header = new(
                new(new IPAddress(block[..addressBytes]), BinaryPrimitives.ReadUInt16BigEndian(block[(2 * addressBytes)..])),
                new(new IPAddress(block.Slice(addressBytes, addressBytes)), BinaryPrimitives.ReadUInt16BigEndian(block[((2 * addressBytes) + 2)..])));
        }

        length = FixedBytesV2 + size;
        return ProxyHeaderStatus.Found;
    }

    private static bool Agrees(ReadOnlySpan<byte> start, ReadOnlySpan<byte> signature)
        => start.Length < signature.Length ? signature.StartsWith(start) : start.StartsWith(signature);

    private static void WriteV1(IBufferWriter<byte> output, IPEndPoint? from, IPEndPoint? to)
    {
        var text = from is null || to is null
            ? "PROXY UNKNOWN\r\n"
            : $"PROXY {(from.AddressFamily == AddressFamily.InterNetwork ? "TCP4" : "TCP6")} {from.Address} {to.Address} {from.Port} {to.Port}\r\n";
        output.Advance(Encoding.ASCII.GetBytes(text, output.GetSpan(MaxBytesV1)));
    }

    private static void WriteV2(IBufferWriter<byte> output, IPEndPoint? from, IPEndPoint? to)
    {
        var span = output.GetSpan(FixedBytesV2 + 36);
        SignatureV2.CopyTo(span);
        span[12] = 0x21; // version 2, PROXY
        span[13] = 0; // unknown
        var size = 0;
        if (from is not null && to is not null)
        {
            span[13] = from.AddressFamily == AddressFamily.InterNetwork ? (byte)0x11 : (byte)0x21; // TCP over IPv4, IPv6
            var at = span[FixedBytesV2..];
            from.Address.TryWriteBytes(at, out var bytes);
            to.Address.TryWriteBytes(at[bytes..], out _);
            BinaryPrimitives.WriteUInt16BigEndian(at[(2 * bytes)..], (ushort)from.Port);
            BinaryPrimitives.WriteUInt16BigEndian(at[((2 * bytes) + 2)..], (ushort)to.Port);
            size = (2 * bytes) + 4;
        }

        BinaryPrimitives.WriteUInt16BigEndian(span[14..], (ushort)size);
        output.Advance(FixedBytesV2 + size);
    }

    /// <summary>Both in one family, without a zone: IPv4 as itself when both are, else both as IPv6.</summary>
    private static (IPEndPoint? From, IPEndPoint? To) Pair(EndPoint? source, EndPoint? destination)
    {
        if (source is not IPEndPoint from || destination is not IPEndPoint to)
        {
            return default;
        }

        var areV4 = IsV4(from.Address) && IsV4(to.Address);
        return (In(from, areV4), In(to, areV4));

        static bool IsV4(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;

        static IPEndPoint In(IPEndPoint end, bool v4)
            => new(v4 ? end.Address.MapToIPv4() : new IPAddress(end.Address.MapToIPv6().GetAddressBytes()), end.Port);
    }
}
