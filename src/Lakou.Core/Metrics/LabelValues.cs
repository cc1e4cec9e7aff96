namespace Lakou.Core.Metrics;

/// <summary>Tuples of label values as keys: equal and ordered value by value, ordinally.</summary>
internal sealed class LabelValues : IEqualityComparer<string[]>, IComparer<string[]>
{
    private static readonly LabelValues s_instance = new();

    public static IEqualityComparer<string[]> Comparer => s_instance;

    public static IComparer<string[]> Order => s_instance;

    public bool Equals(string[]? left, string[]? right) => left.AsSpan().SequenceEqual(right);

    public int GetHashCode(string[] values)
    {
        var hash = default(HashCode);
        foreach (string value in values)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    public int Compare(string[]? left, string[]? right)
    {
        for (int i = 0; i < left!.Length; i++)
        {
            int order = string.CompareOrdinal(left[i], right![i]);
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }
}
