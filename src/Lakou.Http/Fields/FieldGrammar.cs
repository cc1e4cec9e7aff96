using System.Buffers;

namespace Lakou.Http;

/// <summary>Which bytes may stand where (RFC 9110 §5.5, §5.6).</summary>
public static class FieldGrammar
{
    private const string Token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create([.. Token.Select(c => (byte)c)]);
    private static readonly SearchValues<char> TokenChars = SearchValues.Create(Token);
    private static readonly SearchValues<char> ControlChars = SearchValues.Create([.. Enumerable.Range(0, 128).Where(IsControl).Select(i => (char)i)]);

    /// <summary>CTL but HTAB: what may not stand in a line, CR and LF among them; so one search finds both a line's end and its flaw.</summary>
    internal static readonly SearchValues<byte> Controls = SearchValues.Create([.. Enumerable.Range(0, 128).Where(IsControl).Select(i => (byte)i)]);

    /// <summary>Whether this is a token: at least one byte, tchar only.</summary>
    public static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenBytes);

    /// <summary>As for bytes.</summary>
    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenChars);

    /// <summary>Whether a field value may hold these bytes: no control but HTAB; bytes from 0x80 are obs-text.</summary>
    public static bool IsValue(ReadOnlySpan<byte> text) => !text.ContainsAny(Controls);

    /// <summary>As for bytes; a character is one byte, so those above U+00FF have no place.</summary>
    public static bool IsValue(ReadOnlySpan<char> text) => !text.ContainsAny(ControlChars) && !text.ContainsAnyExceptInRange('\0', '\u00ff');

    /// <summary>Without the SP and HTAB at both ends (OWS, RFC 9110 §5.6.3).</summary>
    public static ReadOnlySpan<byte> TrimOws(ReadOnlySpan<byte> text)
    {
        var start = 0;
        var end = text.Length;
        while (start < end && IsOws(text[start]))
        {
            start++;
        }

        while (start < end && IsOws(text[end - 1]))
        {
            end--;
        }

        return text[start..end];
    }

    /// <summary>Bytes of the token at the beginning; 0 when there is none.</summary>
    internal static int TokenLength(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(TokenBytes) is >= 0 and var end ? end : text.Length;

    internal static bool IsOws(byte octet) => octet is (byte)' ' or (byte)'\t';

    private static bool IsControl(int octet) => octet is (< 0x20 and not '\t') or 0x7f;
}
