using Lakou.Core.Configuration;

namespace Lakou.Messaging.Subscriptions;

internal enum JitterKind
{
    Full,
    Equal,
    None,
    Share,
}

/// <summary>How a delay is spread, so that what failed together does not come back together.</summary>
/// <param name="Share">When <see cref="JitterKind.Share"/>: how far a delay may be off, as a part of it.</param>
internal readonly record struct Jitter(JitterKind Kind, double Share = 0)
{
    public static readonly Jitter Full = new(JitterKind.Full);

    public static Shape<Jitter> Shape { get; } = Shapes.Choice(("full", Full), ("equal", new Jitter(JitterKind.Equal)), ("none", new Jitter(JitterKind.None)))
        .Or(Shapes.Share(), share => new(JitterKind.Share, share));

    /// <summary>
    /// <code>
    /// full   0 … d           equal   d/2 … d           none   d           s   d − s·d … d + s·d
    /// </code>
    /// </summary>
    public TimeSpan Spread(TimeSpan delay, Random random)
    {
        var (from, to) = Kind switch
        {
            JitterKind.Full => (0, 1),
            JitterKind.Equal => (0.5, 1),
            JitterKind.Share => (1 - Share, 1 + Share),
            _ => (1d, 1d),
        };
        return from == to ? delay : delay * (from + ((to - from) * random.NextDouble()));
    }
}
