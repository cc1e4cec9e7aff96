namespace Lakou.Gateway.Tests.Harness;

internal static class Waiting
{
    /// <summary>Waits until a listener has so many connections: the end of one is seen here a moment after its client saw it.</summary>
    public static Task HasConnectionsAsync(this TestGateway gateway, int count, string listener = "web")
        => UntilAsync(() => gateway.State.Listeners[listener].Connections == count);

    /// <summary>Asks until it is so, for what has no signal; 30 s are a guard.</summary>
    public static async Task UntilAsync(Func<bool> isSo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }
}
