using System.Buffers;
using System.Text;

namespace Lakou.Gateway.Routing;

/// <summary>The character classes of RFC 3986 that decide how a path is written.</summary>
internal static class PathCharacters
{
    private const string Unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    private const string Hex = "0123456789ABCDEF";

    private static readonly SearchValues<char> UnreservedSet = SearchValues.Create(Unreserved);
    private static readonly SearchValues<char> SegmentSet = SearchValues.Create(Unreserved + "!$&'()*+,;=:@");

    /// <summary>Needs neither decoding nor escaping: <c>pchar</c> without escapes, and the slash between segments.</summary>
    public static readonly SearchValues<char> Plain = SearchValues.Create(Unreserved + "!$&'()*+,;=:@/");

    /// <summary>Passes in a query as it is: visible ASCII but <c>#</c>.</summary>
    public static readonly SearchValues<char> Query = SearchValues.Create(
        string.Concat(Enumerable.Range('!', '~' - '!' + 1).Where(c => c != '#').Select(c => (char)c)));

    public static bool IsUnreserved(char c) => UnreservedSet.Contains(c);

    public static bool IsLegalInSegment(char c) => SegmentSet.Contains(c);

    /// <summary>Of a character that is known to be a hexadecimal digit.</summary>
    public static int HexDigit(char c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

    /// <summary>Writes <c>%XX</c>, upper case (RFC 3986 §2.1); three characters.</summary>
    public static void Escape(byte value, Span<char> destination)
    {
        destination[0] = '%';
        destination[1] = Hex[value >> 4];
        destination[2] = Hex[value & 15];
    }

    /// <summary>
    /// Decoded path text (slashes separate segments, <see cref="RequestTarget.EncodedSlash"/> stands inside one) as it is
    /// written on the wire. For paths that are made here: redirects and rewrites with captured values.
    /// </summary>
    public static string Escape(ReadOnlySpan<char> decoded)
    {
        var builder = new StringBuilder(decoded.Length + 8);
        foreach (var rune in decoded.EnumerateRunes())
        {
            AppendEscaped(builder, rune);
        }

        return builder.ToString();
    }

    internal static void AppendEscaped(StringBuilder builder, Rune rune)
    {
        if (rune.IsAscii && (rune.Value == '/' || IsLegalInSegment((char)rune.Value)))
        {
            builder.Append((char)rune.Value);
            return;
        }

        if (rune.Value == RequestTarget.EncodedSlash)
        {
            builder.Append("%2F");
            return;
        }

        Span<byte> bytes = stackalloc byte[4];
        Span<char> escape = stackalloc char[3];
        foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
        {
            Escape(value, escape);
            builder.Append(escape);
        }
    }
}
