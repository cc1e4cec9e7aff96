using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Lakou.Gateway.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Tests.Listeners;

public sealed class TlsListenerTests : IDisposable
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    private readonly Certificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task ALPN_chooses_the_version(string version)
    {
        await using var gateway = await StartAsync(_certificates.Create("localhost"));
        using var client = Client(version);
        using var answer = await client.GetAsync(Https(gateway), TestContext.Current.CancellationToken);
        Assert.Equal(new Version(version), answer.Version);
        Assert.Equal("https hello", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Without_ALPN_it_is_HTTP_1_1_and_its_end_is_a_close_notify()
    {
        await using var gateway = await StartAsync(_certificates.Create("localhost"));
        await using var client = await OpenAsync(gateway, "localhost");
        await client.WriteAsync(Encoding.ASCII.GetBytes(Get.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client);
        Assert.EndsWith("\r\n\r\nhttps hello", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")]
    public async Task A_record_that_is_none_ends_the_connection_and_is_no_bug(string first)
    {
        var errors = new Errors();
        await using (var gateway = await TestGateway.StartAsync(
            $"listeners: {{ web: {{ address: \"127.0.0.1:0\", tls: {{ certificates: [ {_certificates.Create("localhost")} ] }} }} }}\nroutes: {{ all: {{ match: {{ path: \"/**\" }}, respond: {{ body: hello }} }} }}",
            loggers: errors))
        {
            using var peer = await RawPeer.ConnectAsync(gateway.Address);
            await using var client = new SslStream(new System.Net.Sockets.NetworkStream(peer.Socket));
            await client.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
                TestContext.Current.CancellationToken);
            await client.WriteAsync(Encoding.ASCII.GetBytes(first), TestContext.Current.CancellationToken);
            await peer.SendAsync("\u0017\u0003\u0003\u0000\u0020" + new string('x', 32));
            await gateway.HasConnectionsAsync(0);
        }

        Assert.Empty(errors.Seen);
    }

    [Fact]
    public async Task A_client_that_asks_for_an_unknown_protocol_is_refused()
    {
        await using var gateway = await StartAsync(_certificates.Create("localhost"));
        await Assert.ThrowsAsync<AuthenticationException>(() => OpenAsync(gateway, "localhost", options => options.ApplicationProtocols = [new SslApplicationProtocol("spdy/1")]));
        await Waiting.UntilAsync(() => gateway.Metrics().Contains("lakou_connections_refused_total{listener=\"web\",reason=\"tls\"} 1", StringComparison.Ordinal));
        await gateway.HasConnectionsAsync(0);
    }

    [Theory]
    [InlineData("one.example", "one.example")]
    [InlineData("TWO.example", "two.example")]
    [InlineData("x.wild.example", "*.wild.example")]
    [InlineData("x.y.wild.example", "one.example")]
    [InlineData("other.example", "one.example")]
    [InlineData("bad_name!", "one.example")]
    [InlineData(".", "one.example")]
    [InlineData("", "one.example")]
    public async Task The_certificate_is_that_of_the_name_asked_for_else_the_first(string asked, string expected)
    {
        await using var gateway = await StartAsync($"{_certificates.Create("one.example")}, {_certificates.Create("two.example", "*.wild.example")}");
        await using var client = await OpenAsync(gateway, asked);
        using var certificate = new X509Certificate2(client.RemoteCertificate!);
        Assert.Contains(expected, certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single().EnumerateDnsNames());
    }

    [Fact]
    public async Task A_listener_of_TLS_1_3_tells_older_clients_why_it_refuses()
    {
        await using var gateway = await StartAsync(_certificates.Create("localhost"), "min-version: 1.3, ");
        var refused = await Assert.ThrowsAsync<AuthenticationException>(() => OpenAsync(gateway, "localhost", options => options.EnabledSslProtocols = SslProtocols.Tls12));
        Assert.Contains("protocol version", refused.ToString(), StringComparison.OrdinalIgnoreCase);
        await using var client = await OpenAsync(gateway, "localhost", options => options.EnabledSslProtocols = SslProtocols.Tls13);
        Assert.Equal(SslProtocols.Tls13, client.SslProtocol);
    }

    [Fact]
    public async Task A_handshake_that_never_comes_ends_and_frees_its_place()
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(_certificates.Create("localhost"), time: time);
        using var silent = await RawPeer.ConnectAsync(gateway.Address);
        using var rubbish = await RawPeer.ConnectAsync(gateway.Address);
        await rubbish.SendAsync(Get);
        await rubbish.ReadToEndAsync();
        rubbish.Dispose();
        var closed = silent.ClosesAsync();
        Assert.InRange(await time.PassUntilAsync(closed, TimeSpan.FromMilliseconds(500)), TimeSpan.FromSeconds(10), TimeSpan.MaxValue);
        Assert.True(await closed);
        silent.Dispose();
        await gateway.HasConnectionsAsync(0);
        Assert.Contains("lakou_connections_refused_total{listener=\"web\",reason=\"tls-timeout\"} 1", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timeouts_and_keep_alive_work_as_on_plain_text()
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(_certificates.Create("localhost"), time: time);
        await using var client = await OpenAsync(gateway, "localhost");
        for (var i = 0; i < 3; i++)
        {
            await AskAsync(client);
            time.Advance(TimeSpan.FromSeconds(50));
        }

        await client.WriteAsync("GET / HT"u8.ToArray(), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client);
        var rest = reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        await time.PassUntilAsync(rest, TimeSpan.FromMilliseconds(500));
        Assert.StartsWith("HTTP/1.1 408 ", await rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_time_of_a_request_does_not_begin_with_the_handshake()
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(_certificates.Create("localhost"), time: time);
        await using var client = await OpenAsync(gateway, "localhost", options => options.EnabledSslProtocols = SslProtocols.Tls12); // all of it is over when the client says so
        time.Advance(TimeSpan.FromSeconds(5));
        await AskAsync(client);
        Assert.Matches("\"total_ms\":0[.,}]", (await gateway.LogAsync(1))[0]);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_large_body_passes_both_ways(string version)
    {
        using var upstream = new RawUpstream().Serve(async peer =>
        {
            await peer.ReadHeadAsync();
            var body = await peer.ReadAsync(3_000_000);
            await peer.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        });
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: $"tls: {{ certificates: [ {_certificates.Create("localhost")} ] }}");
        var expected = new byte[3_000_000];
        new Random(3).NextBytes(expected);
        using var client = Client(version);
        using var content = new ByteArrayContent(expected);
        using var answer = await client.PostAsync(Https(gateway), content, TestContext.Current.CancellationToken);
        Assert.Equal(expected, await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_tunnel_over_TLS_ends_one_half_at_a_time()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: $"tls: {{ certificates: [ {_certificates.Create("localhost")} ] }}");
        await using var client = await OpenAsync(gateway, "localhost");
        await client.WriteAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfrom endpoint");
        endpoint.ShutdownSend();
        using var reader = new StreamReader(client, leaveOpen: true);
        Assert.EndsWith("\r\n\r\nfrom endpoint", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await client.WriteAsync("from client"u8.ToArray(), TestContext.Current.CancellationToken);
        await client.ShutdownAsync();
        Assert.Equal("from client", await endpoint.ReadToEndAsync());
    }

    [Fact]
    public void Files_that_are_no_certificate_are_a_problem_that_does_not_quote_them()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "secret");
            var (_, problems) = TestGateway.Plan($$"""
                listeners:
                  web: { address: "127.0.0.1:0", tls: { certificates: [ { cert: "{{path}}", key: "{{path}}" }, { cert: /missing, key: /missing } ] } }
                """);
            Assert.Equal(2, problems.Count);
            Assert.DoesNotContain(problems, problem => problem.Message.Contains("secret", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Task<TestGateway> StartAsync(string certificates, string options = "", TimeProvider? time = null)
        => TestGateway.StartAsync(
            $$"""
            listeners: { web: { address: "127.0.0.1:0", tls: { {{options}}certificates: [ {{certificates}} ] } } }
            routes: { hello: { match: { path: "/**" }, respond: { body: https hello } } }
            """,
            time);

    private static Uri Https(TestGateway gateway) => new($"https://localhost:{gateway.Address.Port}/");

    private static HttpClient Client(string version) => new(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } })
    {
        DefaultRequestVersion = new Version(version),
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static async Task<SslStream> OpenAsync(TestGateway gateway, string name, Action<SslClientAuthenticationOptions>? configure = null)
    {
        var peer = await RawPeer.ConnectAsync(gateway.Address);
        var stream = new SslStream(new System.Net.Sockets.NetworkStream(peer.Socket, ownsSocket: true));
        var options = new SslClientAuthenticationOptions { TargetHost = name, RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };
        configure?.Invoke(options);
        try
        {
            await stream.AuthenticateAsClientAsync(options);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static async Task AskAsync(SslStream client)
    {
        await client.WriteAsync(Encoding.ASCII.GetBytes(Get));
        var answer = "";
        var buffer = new byte[4096];
        while (!answer.EndsWith("https hello", StringComparison.Ordinal))
        {
            var count = await client.ReadAsync(buffer);
            Assert.NotEqual(0, count);
            answer += Encoding.ASCII.GetString(buffer, 0, count);
        }
    }

    private sealed class Errors : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Seen { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Seen.Enqueue($"{formatter(state, exception)} {exception}");
            }
        }
    }
}
