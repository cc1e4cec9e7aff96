using System.Globalization;
using System.Text;
using Lakou.Http;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>
/// What answers allow caches (RFC 9111 §5.2.2). Those of a whole are the strictest of its parts: it is fresh no longer than the first part that
/// goes stale, and of a part that names no time nothing is known.
/// </summary>
internal readonly record struct CacheTerms(bool NoStore, bool NoCache, bool Private, bool Revalidate, long? MaxAge, string Vary)
{
    /// <summary>Of nothing at all: the beginning of a sum.</summary>
    public static readonly CacheTerms Free = new(false, false, false, false, long.MaxValue, "");

    public static readonly CacheTerms Never = Free with { NoStore = true };

    /// <summary>A Cache-Control field; null when there is nothing to say.</summary>
    public override string? ToString()
    {
        if (NoStore)
        {
            return "no-store";
        }

        string?[] words =
        [
            Private ? "private" : null,
            NoCache ? "no-cache" : null,
            Revalidate ? "must-revalidate" : null,
            MaxAge is { } age && age != long.MaxValue ? string.Create(CultureInfo.InvariantCulture, $"max-age={age}") : null,
        ];
        return words.Any(word => word is not null) ? string.Join(", ", words.OfType<string>()) : null;
    }

    public CacheTerms And(in CacheTerms other) => new(
        NoStore || other.NoStore,
        NoCache || other.NoCache,
        Private || other.Private,
        Revalidate || other.Revalidate,
        MaxAge is null || other.MaxAge is null ? null : Math.Min(MaxAge.Value, other.MaxAge.Value),
        string.Join(", ", Names(Vary).Concat(Names(other.Vary)).Distinct(StringComparer.OrdinalIgnoreCase)));

    /// <param name="answer">Fields of an answer.</param>
    /// <param name="sent">Names of the client's fields that it could depend on.</param>
    public static CacheTerms Of(FieldTable answer, IReadOnlyList<string> sent)
    {
        var terms = new CacheTerms(false, false, false, false, null, "");
        long? shared = null;
        for (var i = 0; i < answer.LineCount; i++)
        {
            var value = Encoding.Latin1.GetString(answer.ValueAt(i));
            switch (answer.KnownAt(i))
            {
                case KnownField.CacheControl:
                    foreach (var directive in Names(value))
                    {
                        terms = terms.With(directive, ref shared);
                    }

                    break;
                case KnownField.Vary:
                    terms = Names(value).Contains("*") ? terms with { NoStore = true } : terms with { Vary = $"{terms.Vary},{value}" };
                    break;
            }
        }

        var age = answer.TryGet(KnownField.Age, out var old) ? Seconds(Encoding.Latin1.GetString(old)) : 0;
        return terms with
        {
            MaxAge = terms.MaxAge is { } fresh ? Math.Max(0, Math.Min(fresh, shared ?? fresh) - age) : null,
            Vary = string.Join(", ", Names(terms.Vary).Where(name => sent.Contains(name, StringComparer.OrdinalIgnoreCase))),
        };
    }

    /// <summary>One directive more. An argument in quotes may hold commas; what is cut out of one allows nothing.</summary>
    private CacheTerms With(string directive, ref long? shared)
    {
        var equals = directive.IndexOf('=', StringComparison.Ordinal);
        var argument = equals < 0 ? "" : directive[(equals + 1)..];
        switch ((equals < 0 ? directive : directive[..equals]).TrimEnd().ToLowerInvariant())
        {
            case "no-store":
                return this with { NoStore = true };
            case "no-cache":
                return this with { NoCache = true };
            case "private":
                return this with { Private = true };
            case "must-revalidate" or "proxy-revalidate":
                return this with { Revalidate = true };
            case "max-age":
                return this with { MaxAge = Math.Min(MaxAge ?? long.MaxValue, Seconds(argument)) };
            case "s-maxage":
                shared = Math.Min(shared ?? long.MaxValue, Seconds(argument));
                return this;
            default:
                return this;
        }
    }

    /// <summary>RFC 9111 §1.2.2: what is too large to hold counts as 2^31; what is no number, as stale.</summary>
    private static long Seconds(string text)
        => text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9') ? 0
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? Math.Min(seconds, 1L << 31)
            : 1L << 31;

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
