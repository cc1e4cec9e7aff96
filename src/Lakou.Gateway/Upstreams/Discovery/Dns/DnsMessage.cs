using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

internal enum DnsType : ushort
{
    A = 1,
    Cname = 5,
    Aaaa = 28, // RFC 3596
    Srv = 33, // RFC 2782
    Opt = 41, // RFC 6891
}

internal enum DnsCode : byte
{
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
}

/// <summary>A message that is none.</summary>
internal sealed class DnsFormatException(string message) : Exception(message);

internal readonly record struct DnsService(int Priority, int Weight, int Port, string Target);

/// <param name="Owner">In lower case, without the last dot.</param>
/// <param name="Type">Other types than those of <see cref="DnsType"/> have an owner and a time to live, and nothing else.</param>
/// <param name="Ttl">How long it may be kept.</param>
internal sealed record DnsRecord(string Owner, DnsType Type, TimeSpan Ttl)
{
    public IPAddress? Address { get; init; }

    /// <summary>Of a CNAME.</summary>
    public string? Target { get; init; }

    public DnsService? Service { get; init; }
}

/// <summary>
/// Questions and answers of DNS (RFC 1035 §4), as far as a stub resolver needs them.
/// <code>
///  id | flags | questions | answers | authorities | additionals      six 16-bit numbers
///  question: name, type, class        record: name, type, class, ttl (32), length, data
///  name: labels (length, octets) until length 0, or a pointer (11…) to an earlier name
/// </code>
/// Written by hand because the runtime's resolver tells neither times to live nor SRV records.
/// </summary>
internal sealed record DnsMessage(ushort Id, DnsCode Code, bool IsTruncated, bool HasQuestion, string Name, DnsType Type, IReadOnlyList<DnsRecord> Answers, IReadOnlyList<DnsRecord> Additionals)
{
    /// <summary>Passes the 1500 bytes of Ethernet unfragmented also over IPv6: DNS Flag Day 2020.</summary>
    public const ushort PayloadSize = 1232;

    private const int HeaderSize = 12;
    private const int LongestName = 255;
    private const ushort ClassIn = 1;

    /// <summary>A question that asks for recursion.</summary>
    /// <param name="id">Hard to guess.</param>
    /// <param name="name">ASCII, labels of 1 to 63.</param>
    /// <param name="type">What is wanted.</param>
    /// <param name="edns">Whether to say how long an answer may be; old servers do not know that.</param>
    public static byte[] Ask(ushort id, string name, DnsType type, bool edns)
    {
        var query = new byte[HeaderSize + name.Length + 2 + 4 + (edns ? 11 : 0)];
        BinaryPrimitives.WriteUInt16BigEndian(query, id);
        query[2] = 0x01; // recursion desired
        query[5] = 1; // one question
        query[11] = edns ? (byte)1 : (byte)0;
        var at = HeaderSize;
        foreach (var label in name.TrimEnd('.').Split('.'))
        {
            query[at] = (byte)label.Length;
            at += 1 + Encoding.ASCII.GetBytes(label, query.AsSpan(at + 1));
        }

        at++; // the root
        BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at), (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at + 2), ClassIn);
        at += 4;
        if (edns)
        {
            // The root's OPT record: its class is the size, its time to live flags, its data nothing.
            BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at + 1), (ushort)DnsType.Opt);
            BinaryPrimitives.WriteUInt16BigEndian(query.AsSpan(at + 3), PayloadSize);
            at += 11;
        }

        return query[..at];
    }

    /// <exception cref="DnsFormatException">It is no answer.</exception>
    public static DnsMessage Read(ReadOnlySpan<byte> message)
    {
        var reader = new Reader(message);
        var id = reader.Number16();
        var flags = reader.Number16();
        int questions = reader.Number16(), answers = reader.Number16(), authorities = reader.Number16(), additionals = reader.Number16();
        if ((flags & 0x8000) == 0 || (flags & 0x7800) != 0 || questions > 1)
        {
            throw new DnsFormatException("it is a question, or holds several");
        }

        var (name, type) = ("", default(DnsType));
        if (questions == 1)
        {
            (name, type) = (reader.Name(), (DnsType)reader.Number16());
            if (reader.Number16() != ClassIn)
            {
                throw new DnsFormatException("it is of another class");
            }
        }

        // A cut message ends anywhere: it is asked for again, whole.
        var (code, isTruncated) = ((DnsCode)(flags & 0xF), (flags & 0x0200) != 0);
        if (isTruncated)
        {
            return new(id, code, isTruncated, questions == 1, name, type, [], []);
        }

        var found = reader.Records(answers);
        reader.Records(authorities);
        return new(id, code, isTruncated, questions == 1, name, type, found, reader.Records(additionals));
    }

    private ref struct Reader(ReadOnlySpan<byte> message)
    {
        private readonly ReadOnlySpan<byte> _message = message;
        private int _at;

        public ushort Number16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

        public List<DnsRecord> Records(int count)
        {
            var records = new List<DnsRecord>();
            for (; count > 0; count--)
            {
                var owner = Name();
                var type = (DnsType)Number16();
                var isIn = Number16() == ClassIn;
                var seconds = BinaryPrimitives.ReadUInt32BigEndian(Take(4));
                var length = Number16();
                var end = _at + length;
                if (end > _message.Length)
                {
                    throw Cut();
                }

                // RFC 2181 §8: with the highest bit, as if it were 0.
                var record = new DnsRecord(owner, type, TimeSpan.FromSeconds(seconds > int.MaxValue ? 0 : seconds));
                if (isIn && type != DnsType.Opt)
                {
                    records.Add(Data(record, length));
                }

                if (_at > end)
                {
                    throw new DnsFormatException("the data of a record is longer than it says");
                }

                _at = end;
            }

            return records;
        }

        /// <summary>In lower case, octet by character: names are compared, not shown.</summary>
        public string Name()
        {
            var name = new StringBuilder();
            var (at, after, lowest) = (_at, -1, _at);
            while (true)
            {
                var length = Octet(at);
                if (length == 0)
                {
                    _at = after >= 0 ? after : at + 1;
                    return name.ToString();
                }

                if (length >= 0xC0)
                {
                    // Each pointer leads before all that was read of this name: none can be followed for ever.
                    var target = ((length & 0x3F) << 8) | Octet(at + 1);
                    after = after >= 0 ? after : at + 2;
                    if (target >= lowest)
                    {
                        throw new DnsFormatException("a name points forward or at itself");
                    }

                    at = lowest = target;
                    continue;
                }

                if (length > 63 || name.Length + length + 1 > LongestName)
                {
                    throw new DnsFormatException("a name or a label is too long");
                }

                name.Append(name.Length > 0 ? "." : "");
                for (var i = 1; i <= length; i++)
                {
                    name.Append(char.ToLowerInvariant((char)Octet(at + i)));
                }

                at += length + 1;
            }
        }

        private DnsRecord Data(DnsRecord record, int length) => record.Type switch
        {
            DnsType.A when length == 4 => record with { Address = new IPAddress(Take(4)) },
            DnsType.Aaaa when length == 16 => record with { Address = new IPAddress(Take(16)) },
            DnsType.A or DnsType.Aaaa => throw new DnsFormatException("an address of the wrong length"),
            DnsType.Cname => record with { Target = Name() },
            DnsType.Srv => record with { Service = new(Number16(), Number16(), Number16(), Name()) },
            _ => record,
        };

        private ReadOnlySpan<byte> Take(int count)
        {
            if (_at + count > _message.Length)
            {
                throw Cut();
            }

            _at += count;
            return _message.Slice(_at - count, count);
        }

        private readonly byte Octet(int at) => at < _message.Length ? _message[at] : throw Cut();

        private static DnsFormatException Cut() => new("it ends too early");
    }
}
