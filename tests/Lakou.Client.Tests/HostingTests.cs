using Lakou.Client.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lakou.Client.Tests;

public sealed class HostingTests
{
    [Fact]
    public async Task A_hosted_consumer_handles_each_event_in_a_scope_of_its_own()
    {
        await using var yard = await Yard.StartAsync("""
            topics: { orders: {} }
            subscriptions: { billing: { topic: orders }, mailing: { topic: orders } }
            """);
        var seen = new Seen(6);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(seen).AddScoped<Scope>()
            .AddLakouClient(options => options.Address = yard.Address)
            .AddLakouConsumer<Handler>("billing", options => options.Workers = 2)
            .AddLakouConsumer<Handler>("mailing");
        using var host = builder.Build();
        await host.StartAsync(Yard.Cancelled);

        await host.Services.GetRequiredService<LakouClient>().PublishAsync("orders", [.. Enumerable.Range(0, 3).Select(i => new CloudEvent("order.placed", "/shop") { Id = $"{i}" })], cancelled: Yard.Cancelled);
        await seen.All.WaitAsync();
        await host.StopAsync(Yard.Cancelled);

        Assert.Equal(["billing 0", "billing 1", "billing 2", "mailing 0", "mailing 1", "mailing 2"], seen.Handled.Order(StringComparer.Ordinal));
        Assert.Equal(6, seen.Scopes.Distinct().Count());
        Assert.Equal(0, (int)(await yard.SubscriptionAsync("billing"))["lag"]!);
    }

    private sealed class Seen(int count)
    {
        public Signal All { get; } = new(count);

        public System.Collections.Concurrent.ConcurrentBag<string> Handled { get; } = [];

        public System.Collections.Concurrent.ConcurrentBag<Guid> Scopes { get; } = [];
    }

    private sealed class Scope
    {
        public Guid Id { get; } = Guid.NewGuid();
    }

    private sealed class Handler(Seen seen, Scope scope) : IEventHandler
    {
        public Task HandleAsync(Delivery delivery, CancellationToken cancelled)
        {
            seen.Scopes.Add(scope.Id);
            seen.Handled.Add($"{delivery.Subscription} {delivery.Event.Id}");
            seen.All.Set();
            return Task.CompletedTask;
        }
    }
}
