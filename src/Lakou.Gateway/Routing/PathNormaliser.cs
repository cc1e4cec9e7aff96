using System.Buffers;
using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Gateway.Routing;

/// <summary>
/// Writes a path twice in one pass: decoded, and canonically encoded. Both buffers hold the same segments at any time, so a
/// dot segment cuts both back to their last slash.
/// <code>
///   raw      /a/%62%3bx/./c%2e/..
///   decoded  /a/b;x/             segments are compared here
///   encoded  /a/b%3Bx/           this goes upstream
/// </code>
/// </summary>
internal ref struct PathNormaliser
{
    private readonly ReadOnlySpan<char> raw;
    private readonly int rawOffset;
    private readonly bool allowEncodedSlash;
    private readonly Span<char> decoded;
    private readonly Span<char> encoded;
    private int position;
    private int decodedLength;
    private int encodedLength;

    private PathNormaliser(ReadOnlySpan<char> raw, int rawOffset, TargetRules rules, Span<char> decoded, Span<char> encoded)
    {
        this.raw = raw;
        this.rawOffset = rawOffset;
        this.decoded = decoded;
        this.encoded = encoded;
        allowEncodedSlash = rules.AllowEncodedSlash;
    }

    /// <summary>Whether a path of plain characters holds <c>.</c>, <c>..</c> or, if they are merged, empty segments.</summary>
    public static bool HasRemovableSegments(ReadOnlySpan<char> path, bool mergeSlashes)
    {
        if (mergeSlashes && path.Contains("//", StringComparison.Ordinal))
        {
            return true;
        }

        for (var at = path.IndexOf("/.", StringComparison.Ordinal); at >= 0;)
        {
            path = path[(at + 2)..];
            if (path.IsEmpty || path[0] == '/' || (path[0] == '.' && (path.Length == 1 || path[1] == '/')))
            {
                return true;
            }

            at = path.IndexOf("/.", StringComparison.Ordinal);
        }

        return false;
    }

    /// <param name="raw">A path that starts with a slash, without query.</param>
    /// <param name="rawOffset">Where it starts in the request target, for messages.</param>
    /// <param name="rules">Of the listener.</param>
    /// <param name="path">The decoded path; <see cref="RequestTarget.EncodedSlash"/> for an encoded slash.</param>
    /// <param name="encodedPath">The canonical encoded path; the same string as <paramref name="path"/> when they do not differ.</param>
    /// <returns>What is wrong, or null.</returns>
    public static Fault? Normalise(ReadOnlySpan<char> raw, int rawOffset, TargetRules rules, out string path, out string encodedPath)
    {
        // A character becomes at most one decoded and three encoded ones.
        var rented = ArrayPool<char>.Shared.Rent(raw.Length * 4);
        try
        {
            var normaliser = new PathNormaliser(raw, rawOffset, rules, rented.AsSpan(0, raw.Length), rented.AsSpan(raw.Length, raw.Length * 3));
            var fault = normaliser.Run(rules.MergeSlashes);
            var pathText = normaliser.decoded[..normaliser.decodedLength];
            var encodedText = normaliser.encoded[..normaliser.encodedLength];
            path = fault is null ? pathText.ToString() : "";
            encodedPath = fault is not null || pathText.SequenceEqual(encodedText) ? path : encodedText.ToString();
            return fault;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(rented);
        }
    }

    /// <summary>How a character is named in messages; never the character itself when it could harm a terminal.</summary>
    public static string Describe(char c) => c is > ' ' and < '\u007f' ? $"'{c}'" : $"character U+{(int)c:X4}";

    private Fault? Run(bool mergeSlashes)
    {
        while (position < raw.Length)
        {
            var decodedStart = decodedLength;
            var encodedStart = encodedLength;
            position++;
            AppendPlain('/');
            while (position < raw.Length && raw[position] != '/')
            {
                if (AppendNext() is { } fault)
                {
                    return fault;
                }
            }

            // RFC 3986 §5.2.4, on decoded segments. Of a last segment that goes, the slash before it stays.
            var segment = decoded[(decodedStart + 1)..decodedLength];
            var isLast = position == raw.Length;
            if (segment is ".." || segment is "." || (segment.IsEmpty && mergeSlashes && !isLast))
            {
                var climbs = segment is "..";
                decodedLength = climbs ? Math.Max(0, decoded[..decodedStart].LastIndexOf('/')) : decodedStart;
                encodedLength = climbs ? Math.Max(0, encoded[..encodedStart].LastIndexOf('/')) : encodedStart;
                if (isLast)
                {
                    AppendPlain('/');
                }
            }
        }

        return null;
    }

    private Fault? AppendNext()
    {
        var c = raw[position];
        if (c == '%')
        {
            return AppendEscape();
        }

        if (c is <= ' ' or >= '\u007f' or '\\' or '#')
        {
            return Bad($"{Describe(c)} at offset {rawOffset + position} is not allowed in a path{(c is >= ' ' and not '\u007f' and not '\\' ? "; escape it" : "")}");
        }

        position++;
        if (PathCharacters.IsLegalInSegment(c))
        {
            AppendPlain(c);
        }
        else
        {
            decoded[decodedLength++] = c;
            AppendEscaped((byte)c);
        }

        return null;
    }

    private Fault? AppendEscape()
    {
        if (!TryReadEscape(position, out var first))
        {
            var text = raw.Slice(position, Math.Min(3, raw.Length - position));
            return Bad($"the escape at offset {rawOffset + position} is not '%' and two hexadecimal digits{(text.ContainsAnyExceptInRange('!', '~') ? "" : $": '{text}'")}");
        }

        if (first >= 0x80)
        {
            return AppendRune();
        }

        var c = (char)first;
        switch (c)
        {
            case '/' when !allowEncodedSlash:
                return Bad($"the encoded slash at offset {rawOffset + position} is not allowed here");
            case '\\':
                return Bad($"the encoded backslash at offset {rawOffset + position} is not allowed");
            case < ' ' or '\u007f':
                return Bad($"the encoded control character %{first:X2} at offset {rawOffset + position} is not allowed");
        }

        position += 3;
        if (PathCharacters.IsUnreserved(c))
        {
            AppendPlain(c);
        }
        else
        {
            decoded[decodedLength++] = c == '/' ? RequestTarget.EncodedSlash : c;
            AppendEscaped(first);
        }

        return null;
    }

    /// <summary>One character of several UTF-8 bytes, each escaped. Overlong forms and surrogates are not UTF-8 (RFC 3629 §3).</summary>
    private Fault? AppendRune()
    {
        Span<byte> bytes = stackalloc byte[4];
        var count = 0;
        while (count < 4 && TryReadEscape(position + (count * 3), out var value))
        {
            bytes[count++] = value;
        }

        if (Rune.DecodeFromUtf8(bytes[..count], out var rune, out var consumed) != OperationStatus.Done)
        {
            return Bad($"the bytes from %{bytes[0]:X2} at offset {rawOffset + position} are not UTF-8");
        }

        if (Rune.IsControl(rune))
        {
            return Bad($"the encoded control character U+{rune.Value:X4} at offset {rawOffset + position} is not allowed");
        }

        position += consumed * 3;
        decodedLength += rune.EncodeToUtf16(decoded[decodedLength..]);
        foreach (var value in bytes[..consumed])
        {
            AppendEscaped(value);
        }

        return null;
    }

    private readonly bool TryReadEscape(int at, out byte value)
    {
        value = 0;
        if (at + 2 >= raw.Length || raw[at] != '%' || !char.IsAsciiHexDigit(raw[at + 1]) || !char.IsAsciiHexDigit(raw[at + 2]))
        {
            return false;
        }

        value = (byte)((PathCharacters.HexDigit(raw[at + 1]) << 4) | PathCharacters.HexDigit(raw[at + 2]));
        return true;
    }

    private void AppendPlain(char c)
    {
        decoded[decodedLength++] = c;
        encoded[encodedLength++] = c;
    }

    private void AppendEscaped(byte value)
    {
        PathCharacters.Escape(value, encoded[encodedLength..]);
        encodedLength += 3;
    }

    private static Fault Bad(string detail) => RoutingFaults.BadPath.With(detail);
}
