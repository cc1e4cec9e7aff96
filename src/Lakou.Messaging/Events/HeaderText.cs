using System.Buffers;
using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>Attribute values as HTTP header values (HTTP binding 1.0.2 §3.1.3.2): percent-encoded UTF-8.</summary>
internal static class HeaderText
{
    private const string Hex = "0123456789ABCDEF";

    /// <summary>All visible ASCII but the double quote and the percent sign.</summary>
    private static readonly SearchValues<byte> Plain =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Where(c => c is not ('"' or '%')).Select(c => (byte)c)]);

    /// <summary>Takes off quotes, which older senders put around, then one round of percent-encoding.</summary>
    /// <param name="into">As long as the text.</param>
    public static Fault? Decode(string text, Span<byte> into, out int length)
    {
        length = 0;
        if (Ascii.FromUtf16(text, into, out var copied) != OperationStatus.Done)
        {
            return EventFaults.Malformed.With("holds a character beyond ASCII; write its UTF-8 percent-encoded");
        }

        var value = into[..copied];
        if (value.StartsWith("\""u8))
        {
            if (!TryUnquote(ref value))
            {
                return EventFaults.Malformed.With($"{EventFaults.Show(text)} begins with a quote that nothing closes; write %22 for a quote");
            }

            value.CopyTo(into);
            value = into[..value.Length];
        }

        return Unescape(value, out length);
    }

    /// <summary>Of a value that was judged before.</summary>
    public static string Encode(ReadOnlySpan<byte> utf8)
    {
        if (!utf8.ContainsAnyExcept(Plain))
        {
            return Encoding.ASCII.GetString(utf8);
        }

        var text = new StringBuilder(utf8.Length + 16);
        foreach (var b in utf8)
        {
            _ = Plain.Contains(b) ? text.Append((char)b) : text.Append('%').Append(Hex[b >> 4]).Append(Hex[b & 15]);
        }

        return text.ToString();
    }

    /// <summary>A quoted-string of RFC 9110 §5.6.4, which must be all there is.</summary>
    private static bool TryUnquote(ref Span<byte> value)
    {
        var to = 0;
        for (var from = 1; from < value.Length; from++)
        {
            if (value[from] == '"')
            {
                var isLast = from == value.Length - 1;
                value = isLast ? value[..to] : value;
                return isLast;
            }

            from += value[from] == '\\' && from + 1 < value.Length ? 1 : 0;
            value[to++] = value[from];
        }

        return false;
    }

    private static Fault? Unescape(Span<byte> value, out int length)
    {
        length = 0;
        for (var from = 0; from < value.Length; from++)
        {
            if (value[from] == '%')
            {
                if (from + 2 >= value.Length || !char.IsAsciiHexDigit((char)value[from + 1]) || !char.IsAsciiHexDigit((char)value[from + 2]))
                {
                    return EventFaults.Malformed.With("holds a '%' without two hexadecimal digits after it; write %25 for a percent sign");
                }

                value[length++] = (byte)((FromHex(value[from + 1]) << 4) | FromHex(value[from + 2]));
                from += 2;
            }
            else
            {
                value[length++] = value[from];
            }
        }

        return null;
    }

    private static int FromHex(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
