using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport;

public static class WebHostBuilderExtensions
{
    /// <summary>Lets Kestrel take its connections from a <see cref="LakouTransport"/>, in any ASP.NET Core application.</summary>
    public static IWebHostBuilder UseLakouTransport(this IWebHostBuilder builder, TransportOptions? options = null)
        => builder.ConfigureServices(services => services
            .AddSingleton(provider => LakouTransport.Start(options, provider.GetRequiredService<ILoggerFactory>()))
            .AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<LakouTransport>()));
}
