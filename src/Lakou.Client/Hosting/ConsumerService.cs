using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lakou.Client.Hosting;

/// <summary>One subscription, consumed as long as the host runs.</summary>
internal sealed class ConsumerService<THandler>(IServiceProvider services, string subscription, ConsumeOptions options) : BackgroundService
    where THandler : class, IEventHandler
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
        => services.GetRequiredService<LakouClient>().ConsumeAsync(subscription, HandleAsync, options, stoppingToken);

    private async Task HandleAsync(Delivery delivery, CancellationToken cancelled)
    {
        var scope = services.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            await scope.ServiceProvider.GetRequiredService<THandler>().HandleAsync(delivery, cancelled).ConfigureAwait(false);
        }
    }
}
