using System.Collections;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Lakou.Http;

/// <summary>
/// The table as ASP.NET Core sees it: names in any case, one Latin-1 character a byte, the lines of one name as several values.
/// What is set here is checked, so no line can be smuggled in; a frozen table refuses every change.
/// </summary>
public sealed partial class FieldTable
{
    /// <summary>Set by <see cref="Freeze"/> until the next <see cref="Clear"/>; binds the dictionary, not the byte members, which are the connection's own.</summary>
    public bool IsReadOnly { get; private set; }

    /// <summary>Distinct names.</summary>
    public int Count
    {
        get
        {
            var count = 0;
            for (var i = 0; i < LineCount; i++)
            {
                count += IsFirstOfName(i) ? 1 : 0;
            }

            return count;
        }
    }

    public ICollection<string> Keys => [.. this.Select(pair => pair.Key)];

    public ICollection<StringValues> Values => [.. this.Select(pair => pair.Value)];

    /// <summary>The number in Content-Length; null when there is none or it is no number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to less than 0.</exception>
    public long? ContentLength
    {
        get => TryGet(KnownField.ContentLength, out var value) && BodyFraming.TryReadLength(value, out var length) ? length : null;
        set
        {
            ThrowIfFrozen();
            if (value is not { } length)
            {
                Remove(KnownField.ContentLength);
                return;
            }

            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(value));
            Span<byte> digits = stackalloc byte[20];
            length.TryFormat(digits, out var written, default, CultureInfo.InvariantCulture);
            Set(KnownField.ContentLength, digits[..written]);
        }
    }

    /// <summary>All values of a name, none when it is absent. Setting replaces all its lines; setting nothing removes them.</summary>
    public StringValues this[string key]
    {
        get => TryGetValue(key, out var value) ? value : StringValues.Empty;
        set
        {
            ThrowIfFrozen();
            CheckName(key);
            Replace(key, CheckValues(key, value));
        }
    }

    StringValues IDictionary<string, StringValues>.this[string key]
    {
        get => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException($"There is no field '{Printable(key)}'.");
        set => this[key] = value;
    }

    /// <summary>From here on the dictionary refuses changes: the head has been sent.</summary>
    public void Freeze() => IsReadOnly = true;

    /// <summary>Adds one line for each value, behind those that the name already has.</summary>
    public void Add(string key, StringValues value)
    {
        ThrowIfFrozen();
        CheckName(key);
        var known = KnownFields.Of(key);
        foreach (var line in CheckValues(key, value))
        {
            AppendChecked(known, key, line!);
        }
    }

    public void Add(KeyValuePair<string, StringValues> item) => Add(item.Key, item.Value);

    public bool Remove(string key)
    {
        ThrowIfFrozen();
        var removed = false;
        for (int i = LineCount - 1, known = (int)KnownFields.Of(key); i >= 0; i--)
        {
            if (IsNamed(i, (KnownField)known, key))
            {
                RemoveAt(i);
                removed = true;
            }
        }

        return removed;
    }

    public bool Remove(KeyValuePair<string, StringValues> item)
    {
        ThrowIfFrozen();
        return Contains(item) && Remove(item.Key);
    }

    void ICollection<KeyValuePair<string, StringValues>>.Clear()
    {
        ThrowIfFrozen();
        Clear();
    }

    public bool ContainsKey(string key) => Find(KnownFields.Of(key), key, 0) >= 0;

    public bool Contains(KeyValuePair<string, StringValues> item) => TryGetValue(item.Key, out var value) && value.Equals(item.Value);

    public bool TryGetValue(string key, out StringValues value)
    {
        var known = KnownFields.Of(key);
        var first = Find(known, key, 0);
        value = first < 0 ? StringValues.Empty : Collect(first);
        return first >= 0;
    }

    public void CopyTo(KeyValuePair<string, StringValues>[] array, int arrayIndex)
    {
        foreach (var pair in this)
        {
            array[arrayIndex++] = pair;
        }
    }

    /// <summary>Each name once, in the order of first appearance.</summary>
    public IEnumerator<KeyValuePair<string, StringValues>> GetEnumerator()
    {
        for (var i = 0; i < LineCount; i++)
        {
            if (IsFirstOfName(i))
            {
                yield return new(NameText(i), Collect(i));
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private StringValues Collect(int first)
    {
        var next = FindSame(first, first + 1);
        if (next < 0)
        {
            return new(ValueText(first));
        }

        var values = new List<string> { ValueText(first) };
        for (; next >= 0; next = FindSame(first, next + 1))
        {
            values.Add(ValueText(next));
        }

        return new([.. values]);
    }

    /// <summary>The new values take the places of the old lines; surplus lines go, surplus values come at the end.</summary>
    private void Replace(string name, StringValues values)
    {
        var known = KnownFields.Of(name);
        var done = 0;
        for (var i = Find(known, name, 0); i >= 0; i = Find(known, name, i))
        {
            if (done == values.Count)
            {
                RemoveAt(i);
                continue;
            }

            var value = values[done++]!;
            Encoding.Latin1.GetBytes(value, RoomForValue(i, value.Length));
            _lines[i++].ValueText = Cached(value);
        }

        while (done < values.Count)
        {
            AppendChecked(known, name, values[done++]!);
        }
    }

    private bool IsFirstOfName(int i)
    {
        for (var j = 0; j < i; j++)
        {
            if (SameName(i, j))
            {
                return false;
            }
        }

        return true;
    }

    private int FindSame(int line, int from)
    {
        for (var i = from; i < LineCount; i++)
        {
            if (SameName(line, i))
            {
                return i;
            }
        }

        return -1;
    }

    private bool SameName(int i, int j) =>
        _lines[i].Known == _lines[j].Known &&
        (_lines[i].Known != KnownField.Other || Ascii.EqualsIgnoreCase(NameOf(in _lines[i]), NameOf(in _lines[j])));

    private int Find(KnownField known, string name, int from)
    {
        if (known == KnownField.Other || Contains(known))
        {
            for (var i = from; i < LineCount; i++)
            {
                if (IsNamed(i, known, name))
                {
                    return i;
                }
            }
        }

        return -1;
    }

    private bool IsNamed(int i, KnownField known, string name) =>
        _lines[i].Known == known && (known != KnownField.Other || Ascii.EqualsIgnoreCase(NameOf(in _lines[i]), name));

    private void ThrowIfFrozen()
    {
        if (IsReadOnly)
        {
            throw new InvalidOperationException("The fields cannot change any more: the head has been sent.");
        }
    }
}
