namespace Lakou.Client;

/// <summary>What a service does with an event of a subscription.</summary>
public interface IEventHandler
{
    /// <summary>Handles one event: returning acknowledges it, throwing refuses it.</summary>
    /// <param name="delivery">The event, and which attempt it is.</param>
    /// <param name="cancelled">The lease was lost, or the time to stop is over.</param>
    /// <exception cref="EventRefusedException">To say when it is to come again.</exception>
    Task HandleAsync(Delivery delivery, CancellationToken cancelled);
}
