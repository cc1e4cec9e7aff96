using System.Globalization;
using System.Text;

namespace Lakou.Core.Configuration;

/// <summary>Durations as people write them: <c>250ms</c>, <c>5s</c>, <c>1h30m</c>, <c>7d</c>; units us, ms, s, m, h, d, from large to small, whole numbers.</summary>
public static class Durations
{
    internal const string Pattern = "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?$";

    private static readonly (string Name, long Ticks)[] Units =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond), ("us", TimeSpan.TicksPerMicrosecond),
    ];

    /// <summary>What is too long to hold becomes <see cref="TimeSpan.MaxValue"/>.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var rest = text.AsSpan();
        Int128 ticks = 0;
        for (var unit = 0; rest.Length > 0; unit++)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits <= 0)
            {
                return false;
            }

            var name = rest[digits..];
            name = name[..(name.IndexOfAnyInRange('0', '9') is var end and >= 0 ? end : name.Length)];
            while (unit < Units.Length && !name.SequenceEqual(Units[unit].Name))
            {
                unit++;
            }

            if (unit == Units.Length)
            {
                return false;
            }

            // 20 digits times any factor fit 128 bits; more are beyond any bound.
            ticks += digits <= 20 ? Int128.Parse(rest[..digits], NumberStyles.None) * Units[unit].Ticks : long.MaxValue;
            rest = rest[(digits + name.Length)..];
        }

        duration = TimeSpan.FromTicks((long)Int128.Min(ticks, long.MaxValue));
        return text.Length > 0;
    }

    /// <summary>The shortest usual way to write it: <c>30s</c>, <c>1h30m</c>, <c>1500ms</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        var ticks = duration.Ticks;
        if (ticks == 0)
        {
            return "0s";
        }

        if (ticks % TimeSpan.TicksPerSecond != 0)
        {
            return ticks % TimeSpan.TicksPerMillisecond == 0 ? $"{ticks / TimeSpan.TicksPerMillisecond}ms" : $"{ticks / TimeSpan.TicksPerMicrosecond}us";
        }

        var text = new StringBuilder();
        foreach (var (name, length) in Units)
        {
            var count = ticks / length;
            ticks %= length;
            _ = count == 0 ? text : text.Append(count).Append(name);
        }

        return text.ToString();
    }
}
