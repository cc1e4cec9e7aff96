using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Lakou.Core.Configuration;

namespace Lakou.Messaging.Subscriptions;

internal enum StartKind
{
    Earliest,
    Latest,
    Offset,
    Time,
}

/// <summary>Where a subscription begins that has no place yet.</summary>
internal sealed record StartOptions(StartKind Kind)
{
    public static readonly StartOptions Earliest = new(StartKind.Earliest);
    public static readonly StartOptions Latest = new(StartKind.Latest);

    private static readonly Shape<StartOptions> WordShape = Shapes.Choice(("earliest", Earliest), ("latest", Latest));

    private static readonly Shape<ulong> OffsetShape = Shapes.Parsed<ulong>(
        "offset", "an offset, a whole number from 0", TryParseOffset, offset => offset.ToString(CultureInfo.InvariantCulture), "^(0|[1-9][0-9]*)$");

    // RFC 3339 §5.6, with the zone that it demands.
    private static readonly string[] s_timeFormats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"];

    private static readonly Shape<DateTimeOffset> TimeShape = Shapes.Parsed<DateTimeOffset>(
        "time", "a time such as 2026-01-31T12:00:00Z", TryParseTime, time => time.UtcDateTime.ToString(s_timeFormats[1], CultureInfo.InvariantCulture), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T");

    /// <summary>When <see cref="StartKind.Offset"/>: the first to be read, of every partition.</summary>
    public ulong Offset { get; init; }

    /// <summary>When <see cref="StartKind.Time"/>: events accepted from then on.</summary>
    public DateTimeOffset Time { get; init; }

    private static readonly Shape<StartOptions> PlaceShape = Shapes.Object("start", "A place in a topic, one of these.", () => new StartOptions(StartKind.Earliest))
        .Field("offset", OffsetShape, o => o.Kind == StartKind.Offset ? o.Offset : null, (o, v) => o with { Kind = StartKind.Offset, Offset = v }, "The first to be read, in every partition; where retention has passed it, the first that is left.")
        .Field("time", TimeShape, o => o.Kind == StartKind.Time ? o.Time : null, (o, v) => o with { Kind = StartKind.Time, Time = v }, "Events accepted from then on (RFC 3339).")
        .Check((_, node, problems) =>
        {
            if (node is not ConfigMap { Entries.Count: 1 })
            {
                problems.Add(node, "a start is one place; write one of earliest, latest, { offset: 1000 } and { time: 2026-01-31T12:00:00Z }");
            }
        });

    public static Shape<StartOptions> Shape { get; } = WordShape.Or(PlaceShape, place => place);

    public override string ToString() => Kind switch
    {
        StartKind.Offset => $"offset {Offset}",
        StartKind.Time => $"time {Time:O}",
        _ => Kind.ToString().ToLowerInvariant(),
    };

    private static bool TryParseOffset(string text, out ulong offset)
    {
        offset = 0;
        return (text.Length == 1 || !text.StartsWith('0')) && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out offset);
    }

    public static bool TryParseTime(string text, [MaybeNullWhen(false)] out DateTimeOffset time)
        => DateTimeOffset.TryParseExact(text, s_timeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time);
}
