using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>What a body that is no CloudEvent gets.</summary>
internal static class SyntheticAttributes
{
    private const int IdLength = 36;

    /// <summary>
    /// A UUID of version 7 (RFC 9562 §5.7), its time continued below the millisecond by method 3 of §6.2: ordered by time, to a quarter of a microsecond.
    /// </summary>
    public static Fault? AddId(scoped ref FrameBuilder builder, TimeProvider time)
    {
        var ticks = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
        Span<byte> uuid = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(uuid, (ticks / TimeSpan.TicksPerMillisecond) << 16);
        RandomNumberGenerator.Fill(uuid[8..]);
        var fraction = ticks % TimeSpan.TicksPerMillisecond * 4096 / TimeSpan.TicksPerMillisecond;
        BinaryPrimitives.WriteUInt16BigEndian(uuid[6..], (ushort)(0x7000 | fraction));
        uuid[8] = (byte)(0x80 | (uuid[8] & 0x3f));

        Span<byte> text = stackalloc byte[IdLength];
        new Guid(uuid, bigEndian: true).TryFormat(text, out _);
        return builder.Add("id"u8, text);
    }

    public static Fault? AddTime(scoped ref FrameBuilder builder, TimeProvider time)
    {
        Span<byte> text = stackalloc byte[IdLength];
        time.GetUtcNow().UtcDateTime.TryFormat(text, out var length, "O", CultureInfo.InvariantCulture);
        return builder.Add("time"u8, text[..length]);
    }
}
