using System.Globalization;

namespace Lakou.Core.Configuration;

/// <summary>The quantities of the configuration.</summary>
internal static class Measures
{
    /// <summary>Read as long so that what exceeds an int is out of range, not misspelt.</summary>
    public static readonly Measure<long> Integer = new(
        "integer", "a whole number", "^-?(0|[1-9][0-9]*)$", "integer", int.MinValue, int.MaxValue, TryParseInteger, n => n.ToString(CultureInfo.InvariantCulture), n => n);

    public static readonly Measure<double> Number = new(
        "number", "a number such as 0.5", @"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "number", -1e15, 1e15, TryParseNumber, FormatNumber, n => n);

    /// <summary>At most what a timer can wait (2^32 - 2 ms is 49.7 days), unless a shape states another bound.</summary>
    public static readonly Measure<TimeSpan> Duration = new(
        "duration", "a duration such as 5s or 250ms", Durations.Pattern, null, TimeSpan.Zero, TimeSpan.FromDays(49), Durations.TryParse, Durations.Format, d => Durations.Format(d));

    /// <summary>At most 1 TiB, unless a shape states another bound: more is a mistake with a unit.</summary>
    public static readonly Measure<long> Size = new(
        "size", "a size such as 64KiB", Sizes.Pattern, "integer", 0, 1L << 40, Sizes.TryParse, Sizes.Format, n => Sizes.Format(n));

    public static readonly Measure<double> Share = new(
        "share", "a share such as 20%", @"^[0-9]+(\.[0-9]+)?%$", null, 0, 1, TryParseShare, FormatShare, s => FormatShare(s));

    private static bool TryParseInteger(string text, out long value)
    {
        value = 0;
        var digits = text.AsSpan(text.StartsWith('-') ? 1 : 0);
        if (!AreDigits(digits) || (digits[0] == '0' && digits.Length > 1)) // 010 is eight to some and ten to others
        {
            return false;
        }

        value = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var read) ? read
            : text[0] == '-' ? long.MinValue : long.MaxValue;
        return true;
    }

    private static bool TryParseNumber(string text, out double value)
    {
        value = 0;
        var digits = text.AsSpan(text.StartsWith('-') ? 1 : 0);
        var point = digits.IndexOf('.');
        var whole = point < 0 ? digits : digits[..point];
        return AreDigits(whole) && (whole[0] != '0' || whole.Length == 1) && (point < 0 || AreDigits(digits[(point + 1)..]))
            && double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
    }

    private static bool TryParseShare(string text, out double value)
    {
        value = 0;
        if (!text.EndsWith('%') || text.StartsWith('-') || !TryParseNumber(text[..^1], out var percent))
        {
            return false;
        }

        value = percent / 100;
        return true;
    }

    private static bool AreDigits(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');

    private static string FormatNumber(double number) => number.ToString("0.############", CultureInfo.InvariantCulture);

    private static string FormatShare(double share) => FormatNumber(Math.Round(share * 100, 10)) + "%";
}
