using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    private const long LargeBody = 50L * 1024 * 1024;

    private static readonly X509Certificate2 Certificate = CreateCertificate();

    public static TheoryData<string, HttpProtocols, bool> Protocols { get; } = new()
    {
        { "1.1", HttpProtocols.Http1, false },
        { "1.1", HttpProtocols.Http1, true },
        { "2.0", HttpProtocols.Http2, false },
        { "2.0", HttpProtocols.Http2, true },
    };

    [Theory, MemberData(nameof(Protocols))]
    public async Task One_call_makes_an_application_use_it(string version, HttpProtocols protocols, bool secure)
    {
        await using var app = await StartAppAsync(host => host.UseLakouTransport(Choose(new TransportOptions())), AnyLoopback, protocols, secure);
        var transport = app.Services.GetRequiredService<LakouTransport>();
        Assert.Equal(Choose(new TransportOptions()).Kind, transport.Kind);
        using (var client = Client(app, version))
        {
            await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
            {
                using var body = new ByteArrayContent(Bytes.Make(i, i * 10_000));
                using var answer = await client.PostAsync(new Uri("/echo", UriKind.Relative), body, Stop);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Assert.Equal(Version.Parse(version), answer.Version);
                var echoed = await answer.Content.ReadAsByteArrayAsync(Stop);
                Assert.Equal(i * 10_000, echoed.Length);
                Bytes.AssertPattern(echoed, i);
            }));
        }

        await app.StopAsync(Stop);
        await EventuallyAsync(() => transport.OutstandingBlocks == 0);
    }

    [Theory, MemberData(nameof(Protocols))]
    public async Task An_application_takes_and_gives_bodies_of_50_MiB(string version, HttpProtocols protocols, bool secure)
    {
        await using var app = await StartAppAsync(host => host.UseLakouTransport(Choose(new TransportOptions())), AnyLoopback, protocols, secure);
        using var client = Client(app, version);
        using var body = new StreamContent(PatternStream());
        using var counted = await client.PostAsync(new Uri("/count", UriKind.Relative), body, Stop);
        Assert.Equal(LargeBody.ToString(), await counted.Content.ReadAsStringAsync(Stop));
        Assert.Equal(LargeBody, await CountPatternAsync(await client.GetStreamAsync(new Uri("/pattern", UriKind.Relative), Stop), Stop));
    }

    [Fact]
    public async Task Kestrel_serves_a_listen_socket_and_leaves_it_open()
    {
        using var shared = ListenSocket.Bind(AnyLoopback);
        var transport = CreateTransport();
        for (var i = 0; i < 2; i++)
        {
            await using var app = await StartAppAsync(
                host => host.ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory>(transport)), // a server that ends leaves it running
                shared.AsEndPoint(), HttpProtocols.Http1);
            Assert.Equal([$"http://{shared.LocalEndPoint}"], app.Urls);
            using var client = new HttpClient();
            Assert.Equal("hello", await client.GetStringAsync(new Uri($"http://{shared.LocalEndPoint}/hello"), Stop));
            await app.StopAsync(Stop);
        }
    }

    private async Task<WebApplication> StartAppAsync(Action<IWebHostBuilder> use, EndPoint endPoint, HttpProtocols protocols, bool secure = false)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(endPoint, listen =>
            {
                listen.Protocols = protocols;
                if (secure)
                {
                    listen.UseHttps(Certificate);
                }
            });
        });
        use(builder.WebHost);
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        app.MapGet("/hello", () => "hello");
        app.MapGet("/pattern", static context => PatternStream().CopyToAsync(context.Response.Body, context.RequestAborted));
        app.MapPost("/count", static async context
            => await context.Response.WriteAsync((await CountPatternAsync(context.Request.Body, context.RequestAborted)).ToString()));
        app.MapPost("/echo", static async (HttpContext context) =>
        {
            // The whole body first: HttpClient reads no answer while it sends, and flow control would stop both.
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            body.Position = 0;
            await body.CopyToAsync(context.Response.Body, context.RequestAborted);
        });
        await app.StartAsync(Stop);
        return app;
    }

    private static HttpClient Client(WebApplication app, string version)
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { Certificate },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        return new HttpClient(handler)
        {
            BaseAddress = new Uri(app.Urls.Single()),
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=loopback", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1_000));
    }

    private static Stream PatternStream()
    {
        var pipe = new Pipe();
        _ = Task.Run(async () =>
        {
            const int part = 64 * 1024;
            for (var made = 0L; made < LargeBody; made += part)
            {
                await pipe.Writer.WriteAsync(Bytes.Make(made, part));
            }

            await pipe.Writer.CompleteAsync();
        });
        return pipe.Reader.AsStream();
    }

    private static async Task<long> CountPatternAsync(Stream stream, CancellationToken stop)
    {
        var buffer = new byte[64 * 1024];
        var total = 0L;
        for (; ; )
        {
            var read = await stream.ReadAsync(buffer, stop);
            if (read == 0)
            {
                return total;
            }

            Bytes.AssertPattern(buffer.AsSpan(0, read), total);
            total += read;
        }
    }
}
