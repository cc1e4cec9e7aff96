namespace Lakou.Transport.Tests;

/// <summary>A stream in which every byte depends on its place, with a period (251 × 256) that no block size divides.</summary>
internal static class Bytes
{
    private const int Period = 251 * 256;
    private static readonly byte[] Pattern = [.. Enumerable.Range(0, 2 * Period).Select(static i => (byte)((i % 251) ^ (i % Period / 251)))];

    public static byte At(long position) => Pattern[position % Period];

    public static byte[] Make(long position, int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count;)
        {
            var part = Math.Min(Period, count - i);
            Pattern.AsSpan((int)((position + i) % Period), part).CopyTo(bytes.AsSpan(i));
            i += part;
        }

        return bytes;
    }

    public static void AssertPattern(ReadOnlySpan<byte> bytes, long position)
    {
        while (!bytes.IsEmpty)
        {
            var part = Math.Min(Period, bytes.Length);
            Assert.True(bytes[..part].SequenceEqual(Pattern.AsSpan((int)(position % Period), part)), $"A byte differs in the {part} at {position}.");
            bytes = bytes[part..];
            position += part;
        }
    }
}
