using System.Collections.Concurrent;
using Lakou.Client;

namespace Lakou.Demo;

/// <summary>What bills orders: a program like any other that uses Lakou.Client. A bad card is refused three times, which is as often as the subscription tries.</summary>
internal sealed class DemoBilling(TextWriter says) : IAsyncDisposable
{
    private const int Attempts = 3; // as in the demo's file

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, int> _refused = new(StringComparer.Ordinal);
    private Task _consuming = Task.CompletedTask;

    public void Start(Uri address) => _consuming = ConsumeAsync(address);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _consuming;
        _stop.Dispose();
    }

    private async Task ConsumeAsync(Uri address)
    {
        using var client = new LakouClient(new LakouClientOptions { Address = address });
        await client.ConsumeAsync("billing", HandleAsync, new ConsumeOptions { Workers = 4 }, _stop.Token);
    }

    private Task HandleAsync(Delivery delivery, CancellationToken cancelled)
    {
        var order = $"order {delivery.Partition}-{delivery.Offset}";
        if (!delivery.Event.DataAsText().Contains("\"bad\"", StringComparison.Ordinal))
        {
            return SayAsync($"{order} is paid");
        }

        var times = _refused.AddOrUpdate(delivery.Event.Id, 1, static (_, before) => before + 1);
        if (times > Attempts)
        {
            return SayAsync($"{order} is paid with another card");
        }

        const string Reason = "the card was declined";
        says.WriteLine($"billing    {order}, attempt {delivery.Attempt} of {Attempts}: {Reason}{(delivery.Attempt == Attempts ? "; it is dead now" : "")}");
        throw new EventRefusedException(Reason);
    }

    private Task SayAsync(string what) => says.WriteLineAsync($"billing    {what}");
}
