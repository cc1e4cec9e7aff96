namespace Lakou.Client;

/// <summary>How a subscription is worked on.</summary>
public sealed record ConsumeOptions
{
    /// <summary>Handlers at a time; as many events are leased, and no more. 1 to 10,000.</summary>
    public int Workers { get; set; } = 16;

    /// <summary>How long a receive waits for an event; above zero, at most 50 s.</summary>
    public TimeSpan Wait { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long handlers may go on once it is to stop; then their token is cancelled. Below the 30 s that hosts have by default.</summary>
    public TimeSpan StopWithin { get; set; } = TimeSpan.FromSeconds(25);
}
