using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport;

public static class WebHostBuilderExtensions
{
    /// <summary>Lets Kestrel take its connections from <see cref="SocketTransport"/>, in any ASP.NET Core application.</summary>
    public static IWebHostBuilder UseLakouSockets(this IWebHostBuilder builder, SocketTransportOptions? options = null)
        => builder.ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory>(
            provider => new SocketTransport(options, provider.GetRequiredService<ILoggerFactory>())));
}
