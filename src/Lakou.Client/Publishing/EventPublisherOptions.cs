namespace Lakou.Client;

/// <summary>How events are gathered.</summary>
public sealed record EventPublisherOptions
{
    /// <summary>How long the first event of a batch waits for others; zero sends at once what gathered while the batch before was under way.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>Most events of a batch.</summary>
    public int BatchEvents { get; init; } = 500;

    /// <summary>Most bytes of a batch, one event aside; Lakou takes 8 MiB.</summary>
    public int BatchBytes { get; init; } = 1 << 20;

    /// <summary>Most events that wait to be sent; who publishes more waits for room.</summary>
    public int Pending { get; init; } = 10_000;
}
