using System.Globalization;

namespace Lakou.Core.Configuration;

/// <summary>Sizes as people write them: <c>64KiB</c>, <c>10MB</c>, <c>512</c> (bytes); units B, KiB, MiB, GiB, KB, MB, GB.</summary>
public static class Sizes
{
    internal const string Pattern = "^[0-9]+(B|KiB|MiB|GiB|KB|MB|GB)?$";

    private static readonly (string Name, long Bytes)[] Units =
    [
        ("GiB", 1L << 30), ("GB", 1_000_000_000), ("MiB", 1L << 20), ("MB", 1_000_000), ("KiB", 1L << 10), ("KB", 1_000), ("B", 1),
    ];

    /// <summary>In bytes; what is too large to hold becomes <see cref="long.MaxValue"/>.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9') is var end and >= 0 ? end : text.Length;
        var name = text.AsSpan(digits);
        if (digits == 0)
        {
            return false;
        }

        foreach (var (unit, factor) in Units)
        {
            if (name.SequenceEqual(unit) || (name.IsEmpty && factor == 1))
            {
                // 20 digits times any factor fit 128 bits; more are beyond any bound.
                bytes = digits > 20 ? long.MaxValue : (long)Int128.Min(Int128.Parse(text.AsSpan(0, digits), NumberStyles.None) * factor, long.MaxValue);
                return true;
            }
        }

        return false;
    }

    /// <summary>In the largest unit that needs no fraction: <c>64KiB</c>, <c>10MB</c>, <c>513B</c>.</summary>
    public static string Format(long bytes)
    {
        var (name, factor) = bytes == 0 ? ("B", 1) : Units.First(unit => bytes % unit.Bytes == 0);
        return $"{bytes / factor}{name}";
    }
}
