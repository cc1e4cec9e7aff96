namespace Lakou.Core.Configuration;

/// <summary>Finds the word that was probably meant.</summary>
public static class Nearest
{
    private const int Longest = 64; // longer words than names may be are never typing mistakes of names; bounds the work
    private const int Listed = 12;  // more would hide the message

    /// <summary>What to append to "unknown …": <c>; did you mean 'permits'?</c>, else <c>; known: burst, per</c>, else nothing.</summary>
    public static string Suggest(string word, IEnumerable<string> known)
    {
        var all = known as IReadOnlyCollection<string> ?? [.. known];
        return To(word, all) is { } nearest ? $"; did you mean '{nearest}'?"
            : all.Count == 0 ? ""
            : $"; known: {string.Join(", ", all.Take(Listed))}{(all.Count > Listed ? ", …" : "")}";
    }

    /// <summary>The nearest by edits (a swap of neighbours is one edit), at most one for every three letters; null when all are further.</summary>
    public static string? To(string word, IEnumerable<string> known)
    {
        string? best = null;
        var bestDistance = int.MaxValue;
        if (word.Length is 0 or > Longest)
        {
            return null;
        }

        foreach (var candidate in known)
        {
            var allowed = Math.Max(1, Math.Min(word.Length, candidate.Length) / 3);
            if (candidate.Length <= Longest && Math.Abs(word.Length - candidate.Length) <= allowed
                && Distance(word, candidate) is var distance && distance <= allowed && distance < bestDistance && distance < candidate.Length)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary>Damerau–Levenshtein, optimal string alignment; case does not count.</summary>
    internal static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        var (beforeLast, last, row) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++)
        {
            last[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replace = last[j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
                row[j] = Math.Min(replace, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }
            }

            (beforeLast, last, row) = (last, row, beforeLast);
        }

        return last[b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
