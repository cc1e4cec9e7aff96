using Lakou.Client;
using Lakou.Client.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lakou among the services of a host.</summary>
public static class LakouServices
{
    /// <summary>Adds one <see cref="LakouClient"/> that all share, with the host's logs.</summary>
    /// <param name="services">Of the host.</param>
    /// <param name="configure">Where Lakou is; null for <c>http://127.0.0.1:9900</c>.</param>
    public static IServiceCollection AddLakouClient(this IServiceCollection services, Action<LakouClientOptions>? configure = null)
        => services.AddSingleton(provider =>
        {
            var options = new LakouClientOptions { Time = provider.GetService<TimeProvider>() ?? TimeProvider.System };
            if (provider.GetService<ILoggerFactory>() is { } loggers)
            {
                options.Loggers = loggers;
            }

            configure?.Invoke(options);
            return new LakouClient(options);
        });

    /// <summary>Works on a subscription for as long as the host runs, each event in a scope of its own. Needs <see cref="AddLakouClient"/>.</summary>
    /// <typeparam name="THandler">Made anew for each event.</typeparam>
    /// <param name="services">Of the host.</param>
    /// <param name="subscription">Of <c>mode: queue</c>.</param>
    /// <param name="configure">How many workers, how long to stop; null for the defaults.</param>
    public static IServiceCollection AddLakouConsumer<THandler>(this IServiceCollection services, string subscription, Action<ConsumeOptions>? configure = null)
        where THandler : class, IEventHandler
    {
        var options = new ConsumeOptions();
        configure?.Invoke(options);

        // Not AddHostedService: it adds a type once, and a handler may work on several subscriptions.
        services.AddSingleton<IHostedService>(provider => new ConsumerService<THandler>(provider, subscription, options));
        return services.AddScoped<THandler>();
    }
}
