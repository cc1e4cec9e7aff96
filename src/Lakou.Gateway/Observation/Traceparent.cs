namespace Lakou.Gateway.Observation;

/// <summary>Reads <c>traceparent</c> (W3C Trace Context §3.2).</summary>
internal static class Traceparent
{
    private const int Length = TraceContext.TraceparentLength;

    /// <summary>
    /// Version 00 has exactly 55 characters. A higher version is read as 00 when it has more only after another dash; ff is no version.
    /// Letters are lowercase, ids are not zero, flags unknown to level 2 are cleared.
    /// </summary>
    /// <param name="line">One field line; white space around it does not count.</param>
    /// <param name="context">Its span id is the parent-id received.</param>
    public static bool TryParse(ReadOnlySpan<char> line, out TraceContext context)
    {
        context = default;
        ReadOnlySpan<char> text = line.Trim(" \t");
        if (text.Length < Length || text[2] != '-' || text[35] != '-' || text[52] != '-'
            || !TryHex(text[..2], out ulong version) || version == 0xff
            || !TryHex(text[3..19], out ulong traceHigh) || !TryHex(text[19..35], out ulong traceLow) || (traceHigh | traceLow) == 0
            || !TryHex(text[36..52], out ulong parent) || parent == 0
            || !TryHex(text[53..55], out ulong flags))
        {
            return false;
        }

        if (text.Length > Length && (version == 0 || text[Length] != '-'))
        {
            return false;
        }

        context = new TraceContext(traceHigh, traceLow, 0, parent, (byte)(flags & (TraceContext.SampledFlag | TraceContext.RandomFlag)), null);
        return true;
    }

    private static bool TryHex(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        foreach (char digit in digits)
        {
            int nibble = digit is >= '0' and <= '9' ? digit - '0' : digit is >= 'a' and <= 'f' ? digit - 'a' + 10 : -1;
            if (nibble < 0)
            {
                return false;
            }

            value = (value << 4) | (uint)nibble;
        }

        return true;
    }
}
