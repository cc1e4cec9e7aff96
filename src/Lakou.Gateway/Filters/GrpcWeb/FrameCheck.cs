using System.Buffers.Binary;

namespace Lakou.Gateway.Filters.GrpcWeb;

/// <summary>
/// Walks over frames as they pass.
/// <code>flag u8: 0 plain, 1 compressed │ length u32, big endian │ that many bytes</code>
/// </summary>
internal struct FrameCheck
{
    private const int HeadBytes = 5;

    private uint _length;
    private int _headCount; // bytes of the head seen
    private long _remaining; // of the payload

    /// <summary>Nothing is owed.</summary>
    public readonly bool IsBetween => _headCount == 0 && _remaining == 0;

    /// <summary>What is wrong, or null.</summary>
    public string? Check(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_remaining > 0)
            {
                var count = (int)Math.Min(_remaining, bytes.Length);
                _remaining -= count;
                bytes = bytes[count..];
                continue;
            }

            if (_headCount == 0 && bytes[0] > 1)
            {
                return $"A frame begins with {bytes[0]}; 0 and 1 are the flags of a message.";
            }

            _length = _headCount == 0 ? 0 : (_length << 8) | bytes[0];
            bytes = bytes[1..];
            if (++_headCount == HeadBytes)
            {
                (_remaining, _headCount) = (_length, 0);
            }
        }

        return null;
    }

    /// <summary>Writes the head of the frame that ends an answer.</summary>
    public static void WriteTrailersHead(Span<byte> to, int length)
    {
        to[0] = 0x80;
        BinaryPrimitives.WriteInt32BigEndian(to[1..], length);
    }
}
