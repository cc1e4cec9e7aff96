namespace Lakou.Load.Brokers;

/// <summary>What keeps events, under load.</summary>
internal interface IBroker
{
    /// <summary>Deletes all events and makes what is read from: so many subscriptions, each of which sees every event.</summary>
    Task ResetAsync(int subscriptions);

    /// <param name="batch">How many events it publishes at once and takes at once.</param>
    /// <param name="subscriptions">So many see what it publishes.</param>
    /// <param name="isTaker">It takes from them too.</param>
    Task<IWorker> OpenAsync(int batch, int subscriptions, bool isTaker);
}

/// <summary>One that publishes and takes, with connections of its own; one thing at a time.</summary>
internal interface IWorker : IAsyncDisposable
{
    /// <summary>Ends when the broker has answered for the whole batch.</summary>
    ValueTask PublishAsync();

    /// <summary>Receives a batch of one subscription and acknowledges it.</summary>
    ValueTask TakeAsync(int subscription);
}

/// <summary>An answer that is none of those that are expected.</summary>
internal sealed class BrokerException(string message) : Exception(message);

internal static class Payload
{
    /// <summary>What every event carries: 1 KiB.</summary>
    public static readonly string Text = new('e', 1024);
}
