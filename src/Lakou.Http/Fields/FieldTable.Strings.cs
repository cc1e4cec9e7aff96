using System.Text;
using Microsoft.Extensions.Primitives;

namespace Lakou.Http;

/// <summary>Between bytes and strings: checked on the way in, made once on the way out.</summary>
public sealed partial class FieldTable
{
    /// <summary>32 Ki characters, 64 KiB: as much as of the buffer. Without a bound, heads that use other slots each time would add up.</summary>
    private const int MostCachedChars = 32 * 1024;

    /// <summary>Of the strings made since they were last let go, kept or replaced.</summary>
    private int _cachedChars;

    /// <summary>Adds a line.</summary>
    /// <exception cref="ArgumentException">The name is not a token.</exception>
    /// <exception cref="InvalidOperationException">The value holds what a field value may not.</exception>
    public void Append(string name, string value)
    {
        CheckName(name);
        AppendChecked(KnownFields.Of(name), name, CheckValue(name, value));
    }

    private void AppendChecked(KnownField known, string name, string value)
    {
        Reserve(name.Length + value.Length);
        var start = _used;
        Encoding.Latin1.GetBytes(name, _buffer.AsSpan(start));
        Encoding.Latin1.GetBytes(value, _buffer.AsSpan(start + name.Length));
        _used += name.Length + value.Length;
        AddLine(known, start, name.Length, start + name.Length, value.Length);
        _lines[LineCount - 1].NameText = Cached(name);
        _lines[LineCount - 1].ValueText = Cached(value);
    }

    private string NameText(int i)
    {
        ref var line = ref LineAt(i);
        if (line.Known != KnownField.Other)
        {
            return KnownFields.NameOf(line.Known);
        }

        var bytes = NameOf(in line);
        return line.NameText is { } text && Equal(bytes, text) ? text : line.NameText = Cached(Encoding.Latin1.GetString(bytes));
    }

    private string ValueText(int i)
    {
        ref var line = ref LineAt(i);
        var bytes = ValueOf(in line);
        if (line.ValueText is { } text && Equal(bytes, text))
        {
            return text;
        }

        return line.ValueText = Cached(Encoding.Latin1.GetString(bytes));
    }

    private string Cached(string text)
    {
        _cachedChars += text.Length;
        return text;
    }

    private void LimitStrings()
    {
        if (_cachedChars > MostCachedChars)
        {
            foreach (ref var line in _lines.AsSpan())
            {
                line.NameText = line.ValueText = null;
            }

            _cachedChars = 0;
        }
    }

    private static bool Equal(ReadOnlySpan<byte> bytes, string text)
    {
        if (Ascii.Equals(bytes, text))
        {
            return true;
        }

        if (bytes.Length != text.Length)
        {
            return false;
        }

        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != text[i])
            {
                return false;
            }
        }

        return true;
    }

    private static void CheckName(string name)
    {
        if (!FieldGrammar.IsToken(name))
        {
            throw new ArgumentException($"'{Printable(name)}' is not a field name: a token is needed (RFC 9110 §5.6.2).", nameof(name));
        }
    }

    private static StringValues CheckValues(string name, StringValues values)
    {
        if (values.Count == 1)
        {
            return values[0] is { } only ? CheckValue(name, only) : StringValues.Empty;
        }

        return values.Count == 0 ? values : new([.. values.OfType<string>().Select(value => CheckValue(name, value))]);
    }

    /// <summary>The value without OWS around it, which is no part of a value (RFC 9110 §5.5).</summary>
    private static string CheckValue(string name, string value) => FieldGrammar.IsValue(value)
        ? value.Trim(' ', '\t')
        : throw new InvalidOperationException($"The value of '{name}' holds a control character or one beyond Latin-1 (RFC 9110 §5.5).");

    private static string Printable(string? name) =>
        name is null ? "" : string.Create(Math.Min(name.Length, 64), name, (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = from[i] is > ' ' and < '\u007f' ? from[i] : '?';
            }
        });
}
