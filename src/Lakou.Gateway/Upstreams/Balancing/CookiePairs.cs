using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>The pairs of a Cookie field, <c>a=1; b=2</c> (RFC 6265 §4.2.1). Names have a case; a quoted value keeps its quotes.</summary>
internal ref struct CookiePairs(ReadOnlySpan<byte> line)
{
    private ReadOnlySpan<byte> _rest = line;

    /// <summary>As it is written, without spaces around it.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    public bool MoveNext()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var end = _rest.IndexOf((byte)';');
        Current = (end < 0 ? _rest : _rest[..end]).Trim((byte)' ');
        _rest = end < 0 ? default : _rest[(end + 1)..];
        return true;
    }

    public readonly bool IsNamed(ReadOnlySpan<byte> name)
        => Current.Length > name.Length && Current[name.Length] == '=' && Current.StartsWith(name);

    /// <summary>The first value of this name; empty without one.</summary>
    public static ReadOnlySpan<byte> Find(IHeaderDictionary headers, ReadOnlySpan<byte> name)
    {
        if (headers is FieldTable fields)
        {
            for (var i = 0; fields.Contains(KnownField.Cookie) && i < fields.LineCount; i++)
            {
                if (fields.KnownAt(i) == KnownField.Cookie && Find(fields.ValueAt(i), name) is { IsEmpty: false } value)
                {
                    return value;
                }
            }

            return default;
        }

        foreach (var line in headers.Cookie)
        {
            if (Find(Encoding.Latin1.GetBytes(line ?? ""), name) is { IsEmpty: false } value)
            {
                return value;
            }
        }

        return default;
    }

    /// <summary>Writes the Cookie field of a request without the pairs of this name; nothing when no pair is left.</summary>
    public static void WriteWithout(ref HeadBuffer head, FieldTable fields, ReadOnlySpan<byte> name)
    {
        var isFirst = true;
        for (var i = 0; i < fields.LineCount; i++)
        {
            if (fields.KnownAt(i) == KnownField.Cookie)
            {
                WriteWithout(ref head, fields.ValueAt(i), name, ref isFirst);
            }
        }

        head.Write(isFirst ? ""u8 : "\r\n"u8);
    }

    /// <inheritdoc cref="WriteWithout(ref HeadBuffer, FieldTable, ReadOnlySpan{byte})"/>
    public static void WriteWithout(ref HeadBuffer head, string line, ReadOnlySpan<byte> name)
    {
        var isFirst = true;
        WriteWithout(ref head, Encoding.Latin1.GetBytes(line), name, ref isFirst);
        head.Write(isFirst ? ""u8 : "\r\n"u8);
    }

    private static void WriteWithout(ref HeadBuffer head, ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, ref bool isFirst)
    {
        var pairs = new CookiePairs(line);
        while (pairs.MoveNext())
        {
            if (!pairs.IsNamed(name) && !pairs.Current.IsEmpty)
            {
                head.Write(isFirst ? "Cookie: "u8 : "; "u8);
                head.Write(pairs.Current);
                isFirst = false;
            }
        }
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name)
    {
        var pairs = new CookiePairs(line);
        while (pairs.MoveNext())
        {
            if (pairs.IsNamed(name))
            {
                return pairs.Current[(name.Length + 1)..];
            }
        }

        return default;
    }
}
