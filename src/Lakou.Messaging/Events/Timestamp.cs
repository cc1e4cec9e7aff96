namespace Lakou.Messaging.Events;

/// <summary>RFC 3339 §5.6, kept as it was written: <c>2026-01-31T09:30:00.25+01:00</c>. A leap second is a second 60.</summary>
internal static class Timestamp
{
    private const int DateAndTime = 19; // 2026-01-31T09:30:00

    public static bool IsValid(ReadOnlySpan<byte> text) =>
        text.Length > DateAndTime && IsDate(text) && text[10] is (byte)'T' or (byte)'t' && IsTime(text[11..]) && IsZone(AfterFraction(text[DateAndTime..]));

    private static bool IsDate(ReadOnlySpan<byte> text) =>
        Number(text, 0, 4) is var year and >= 0 && text[4] == '-' && Number(text, 5, 2) is var month and >= 1 and <= 12
        && text[7] == '-' && Number(text, 8, 2) is var day and >= 1 && day <= DateTime.DaysInMonth(year == 0 ? 4 : year, month); // the year 0 is a leap year, as 4 is

    private static bool IsTime(ReadOnlySpan<byte> text) =>
        Number(text, 0, 2) is >= 0 and <= 23 && text[2] == ':' && Number(text, 3, 2) is >= 0 and <= 59 && text[5] == ':' && Number(text, 6, 2) is >= 0 and <= 60;

    /// <summary>Empty, which is no zone, when there is a point without digits.</summary>
    private static ReadOnlySpan<byte> AfterFraction(ReadOnlySpan<byte> text)
    {
        if (text[0] != '.')
        {
            return text;
        }

        var digits = text[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return digits > 0 ? text[(1 + digits)..] : [];
    }

    private static bool IsZone(ReadOnlySpan<byte> text) =>
        text is [(byte)'Z' or (byte)'z']
        || (text.Length == 6 && text[0] is (byte)'+' or (byte)'-' && Number(text, 1, 2) is >= 0 and <= 23 && text[3] == ':' && Number(text, 4, 2) is >= 0 and <= 59);

    /// <summary>-1 when these are not all digits.</summary>
    private static int Number(ReadOnlySpan<byte> text, int start, int length)
    {
        var number = 0;
        foreach (var digit in text.Slice(start, length))
        {
            if (!char.IsAsciiDigit((char)digit))
            {
                return -1;
            }

            number = (10 * number) + digit - '0';
        }

        return number;
    }
}
