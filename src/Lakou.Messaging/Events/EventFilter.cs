using System.Text;

namespace Lakou.Messaging.Events;

/// <summary>The plan of <see cref="EventFilterOptions"/>: compares bytes, allocates nothing.</summary>
internal sealed class EventFilter(EventFilterOptions options)
{
    private readonly Term[] _terms = [.. options.Attributes.Select(entry => new Term(Encoding.UTF8.GetBytes(entry.Key), [.. entry.Value.Select(ValueOf)]))];

    /// <summary>Whether every attribute that is named is there, with one of its values.</summary>
    public bool Matches(EventFrame frame)
    {
        foreach (var term in _terms)
        {
            if (!frame.TryGet(term.Name, out var attribute) || !term.Matches(attribute.Value))
            {
                return false;
            }
        }

        return true;
    }

    private static Value ValueOf(string text) => text.EndsWith('*') ? new(Encoding.UTF8.GetBytes(text[..^1]), true) : new(Encoding.UTF8.GetBytes(text), false);

    private readonly record struct Value(byte[] Text, bool IsPrefix);

    private readonly record struct Term(byte[] Name, Value[] Values)
    {
        public bool Matches(ReadOnlySpan<byte> value)
        {
            foreach (var candidate in Values)
            {
                if (candidate.IsPrefix ? value.StartsWith(candidate.Text) : value.SequenceEqual(candidate.Text))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
