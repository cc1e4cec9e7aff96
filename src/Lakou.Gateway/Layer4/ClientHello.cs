using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Lakou.Gateway.Layer4;

internal enum ClientHelloStatus
{
    /// <summary>What came so far may become a ClientHello.</summary>
    NeedMore,
    Found,

    /// <summary>The first bytes are no record of TLS.</summary>
    NotTls,

    /// <summary>TLS, and no ClientHello that anybody should answer.</summary>
    Invalid,
}

/// <summary>
/// The name that a client asks for, read from the first message of its TLS handshake (RFC 8446 §4.1.2, RFC 6066 §3) without
/// taking part in it. The message may lie in one record or in many, and any of it may be missing yet.
/// <code>
/// record     22 | version u16, 3.x | length u16 | fragment of the message …        (RFC 8446 §5.1)
/// message    1 | length u24 | version u16 | random 32 | session u8+… | suites u16+… | compressions u8+… | extensions u16+…
/// extension  type u16 | u16+…           of type 0: list u16+… of: kind 0 | name u16+…
/// </code>
/// </summary>
internal static class ClientHello
{
    /// <summary>16 KiB: ten times what a client with a post-quantum key share and a session ticket sends.</summary>
    public const int MaxMessageBytes = 16 * 1024;

    /// <summary>A fragment has one byte at least, and real clients send one record: this only bounds the work.</summary>
    public const int MaxRecords = 1024;

    private const int RecordHeaderBytes = 5;
    private const int MaxFragmentBytes = 16 * 1024; // RFC 8446 §5.1
    private const int MessageHeaderBytes = 4;
    private const byte HandshakeRecord = 22;
    private const byte ClientHelloMessage = 1;
    private const ushort ServerNameExtension = 0;
    private const byte HostName = 0;
    private const int MaxNameBytes = 255; // RFC 1035 §2.3.4

    private static readonly SearchValues<byte> s_nameBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."u8);

    /// <param name="received">From the first byte of the connection; at most <see cref="MaxMessageBytes"/> and the headers of <see cref="MaxRecords"/> records are ever looked at.</param>
    /// <param name="serverName">In lower case; null when the client names none.</param>
    public static ClientHelloStatus Parse(in ReadOnlySequence<byte> received, out string? serverName)
    {
        serverName = null;
        var rented = ArrayPool<byte>.Shared.Rent(MaxMessageBytes);
        try
        {
            var message = rented.AsSpan(0, MaxMessageBytes);
            var status = Gather(received, message, out var length);
            if (status == ClientHelloStatus.Found && !TryReadMessage(message[MessageHeaderBytes..length], out serverName))
            {
                (status, serverName) = (ClientHelloStatus.Invalid, null);
            }

            return status;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Joins the fragments of the first message.</summary>
    private static ClientHelloStatus Gather(ReadOnlySequence<byte> received, Span<byte> message, out int length)
    {
        length = 0;
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        for (var records = 0; records < MaxRecords; records++)
        {
            // 1. The record's header.
            var known = (int)Math.Min(received.Length, RecordHeaderBytes);
            received.Slice(0, known).CopyTo(header);
            if ((known > 0 && header[0] != HandshakeRecord) || (known > 1 && header[1] != 3))
            {
                return records == 0 ? ClientHelloStatus.NotTls : ClientHelloStatus.Invalid;
            }

            if (known < RecordHeaderBytes)
            {
                return ClientHelloStatus.NeedMore;
            }

            var fragment = BinaryPrimitives.ReadUInt16BigEndian(header[3..]);
            if (fragment is 0 or > MaxFragmentBytes)
            {
                return ClientHelloStatus.Invalid;
            }

            // 2. What is here of its fragment.
            var here = (int)Math.Min(received.Length - RecordHeaderBytes, fragment);
            var taken = Math.Min(here, message.Length - length);
            received.Slice(RecordHeaderBytes, taken).CopyTo(message[length..]);
            length += taken;
            var whole = MessageLength(message[..length]);
            if (whole > message.Length)
            {
                return ClientHelloStatus.Invalid;
            }

            if (length >= whole)
            {
                length = whole;
                return ClientHelloStatus.Found;
            }

            if (here < fragment)
            {
                return ClientHelloStatus.NeedMore;
            }

            received = received.Slice(RecordHeaderBytes + fragment);
        }

        return ClientHelloStatus.Invalid;
    }

    /// <summary>Bytes of the message with its header: at least so many while that is incomplete, too many when it is no ClientHello.</summary>
    private static int MessageLength(ReadOnlySpan<byte> message)
        => message is [not ClientHelloMessage, ..] ? int.MaxValue
            : message is [_, var high, var middle, var low, ..] ? MessageHeaderBytes + ((high << 16) | (middle << 8) | low)
            : MessageHeaderBytes;

    private static bool TryReadMessage(ReadOnlySpan<byte> message, out string? serverName)
    {
        serverName = null;
        var fields = new Fields(message);
        if (!fields.TrySkip(2 + 32)
            || !fields.TryVector8(out var session) || session.Length > 32
            || !fields.TryVector16(out var suites) || suites.Length < 2 || suites.Length % 2 != 0
            || !fields.TryVector8(out var compressions) || compressions.IsEmpty)
        {
            return false;
        }

        return fields.IsEmpty // TLS 1.2 and older need no extensions
            || (fields.TryVector16(out var extensions) && fields.IsEmpty && TryReadExtensions(extensions, out serverName));
    }

    private static bool TryReadExtensions(ReadOnlySpan<byte> extensions, out string? serverName)
    {
        serverName = null;
        var fields = new Fields(extensions);
        while (!fields.IsEmpty)
        {
            if (!fields.TryUInt16(out var type) || !fields.TryVector16(out var content))
            {
                return false;
            }

            // Twice is forbidden (RFC 8446 §4.2), and would let the endpoint see another name than we do.
            if (type == ServerNameExtension && (serverName is not null || !TryReadServerName(content, out serverName)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A list that may hold one host name, and knows of nothing else (RFC 6066 §3).</summary>
    private static bool TryReadServerName(ReadOnlySpan<byte> content, out string? serverName)
    {
        serverName = null;
        var fields = new Fields(content);
        if (!fields.TryVector16(out var list) || !fields.IsEmpty)
        {
            return false;
        }

        fields = new Fields(list);
        if (!fields.TryUInt8(out var kind) || kind != HostName || !fields.TryVector16(out var name) || !fields.IsEmpty || !IsHostName(name))
        {
            return false;
        }

        serverName = Encoding.ASCII.GetString(name).ToLowerInvariant();
        return true;
    }

    /// <summary>Labels between single dots; none at the end (RFC 6066 §3).</summary>
    private static bool IsHostName(ReadOnlySpan<byte> name)
        => name.Length is > 0 and <= MaxNameBytes
            && !name.ContainsAnyExcept(s_nameBytes)
            && name[0] != '.' && name[^1] != '.' && name.IndexOf(".."u8) < 0;

    /// <summary>Reads from the front; false, and nothing read, when less is there than is asked for.</summary>
    private ref struct Fields(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public readonly bool IsEmpty => _rest.IsEmpty;

        public bool TrySkip(int count) => TryTake(count, out _);

        public bool TryUInt8(out byte value)
        {
            var taken = TryTake(1, out var bytes);
            value = taken ? bytes[0] : (byte)0;
            return taken;
        }

        public bool TryUInt16(out ushort value)
        {
            var taken = TryTake(2, out var bytes);
            value = taken ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : (ushort)0;
            return taken;
        }

        public bool TryVector8(out ReadOnlySpan<byte> content)
        {
            content = default;
            return TryUInt8(out var length) && TryTake(length, out content);
        }

        public bool TryVector16(out ReadOnlySpan<byte> content)
        {
            content = default;
            return TryUInt16(out var length) && TryTake(length, out content);
        }

        private bool TryTake(int count, out ReadOnlySpan<byte> bytes)
        {
            var taken = _rest.Length >= count;
            bytes = taken ? _rest[..count] : default;
            _rest = taken ? _rest[count..] : _rest;
            return taken;
        }
    }
}
