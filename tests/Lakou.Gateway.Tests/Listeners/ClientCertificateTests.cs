using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>Clients that show who they are by certificate (mutual TLS).</summary>
public sealed class ClientCertificateTests : IDisposable
{
    private readonly Certificates _certificates = new();
    private readonly string _file = Path.GetTempFileName();
    private readonly Authority _root = Authority.Root();
    private readonly LogLines _log = new();
    private readonly string _pair;

    public ClientCertificateTests() => _pair = _certificates.Create("localhost");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<SslProtocols> Versions => [SslProtocols.Tls12, SslProtocols.Tls13];

    public void Dispose()
    {
        _certificates.Dispose();
        File.Delete(_file);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_certificate_of_the_authority_is_let_in(SslProtocols version)
    {
        await using var gateway = await StartAsync();
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(_root.Client("alice")), version));
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(_root.Client("of any purpose", purpose: null)), version));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_client_without_a_certificate_is_refused_counted_and_no_error_of_ours(SslProtocols version)
    {
        await using var gateway = await StartAsync();
        Assert.Null(await AskAsync(gateway, null, version));
        await HasRefusedAsync(gateway, 1);
        Assert.Contains(_log.All, line => line.StartsWith("Debug: TLS handshake", StringComparison.Ordinal) && line.Contains("shows no certificate", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.All, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Warning: Listener", StringComparison.Ordinal));
        await gateway.HasConnectionsAsync(0);
    }

    [Theory]
    [InlineData("stranger", "PartialChain")]
    [InlineData("same name, other key", "")]
    [InlineData("expired", "NotTimeValid")]
    [InlineData("not yet", "NotTimeValid")]
    [InlineData("for servers", "NotValidForUsage")]
    [InlineData("signed by no authority", "InvalidBasicConstraints")]
    [InlineData("self-signed", "UntrustedRoot")]
    [InlineData("without what is between", "PartialChain")]
    public async Task A_certificate_that_is_not_to_be_believed_is_refused(string kind, string why)
    {
        var now = TimeProvider.System.GetUtcNow();
        var between = _root.Below();
        var alice = _root.Client("alice");
        var shown = kind switch
        {
            "stranger" => Authority.Show(Authority.Root("other").Client("alice")),
            "same name, other key" => Authority.Show(Authority.Root().Client("alice")),
            "expired" => Authority.Show(_root.Client("alice", until: now.AddMinutes(-1))),
            "not yet" => Authority.Show(_root.Client("alice", from: now.AddMinutes(5))),
            "for servers" => Authority.Show(_root.Client("alice", purpose: Authority.ForServers)),
            "signed by no authority" => Authority.Show(Authority.With(alice).Client("mallory"), Authority.With(alice)),
            "self-signed" => Authority.Show(Authority.Root("alice").Certificate),
            _ => Authority.Show(between.Client("alice")),
        };
        foreach (var mode in new[] { "require", "optional" })
        {
            await using var gateway = await StartAsync($", client-certificates: {mode}");
            Assert.Null(await AskAsync(gateway, shown, SslProtocols.Tls12));
            Assert.Null(await AskAsync(gateway, shown, SslProtocols.Tls13));
            await HasRefusedAsync(gateway, 2);
        }

        Assert.Equal(4, _log.All.Count(line => line.StartsWith("Debug: TLS handshake", StringComparison.Ordinal) && line.Contains("is not trusted", StringComparison.Ordinal) && line.Contains(why, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Where_it_is_optional_a_client_without_a_certificate_is_let_in()
    {
        await using var gateway = await StartAsync(", client-certificates: optional");
        Assert.Equal("hello", await AskAsync(gateway, null));
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(_root.Client("alice"))));
    }

    [Fact]
    public async Task Certificates_between_that_the_client_sends_are_used_each_time_it_comes()
    {
        // A resumed session would remember the client's certificate alone, and no chain.
        var between = _root.Below();
        var shown = Authority.Show(between.Client("alice"), between);
        await using var gateway = await StartAsync();
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("hello", await AskAsync(gateway, shown));
        }
    }

    [Fact]
    public async Task A_file_may_hold_several_authorities()
    {
        var second = Authority.Root("second");
        var below = second.Below();
        await using var gateway = await StartAsync(ca: _root.Pem + second.Pem + below.Pem);
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(_root.Client("alice"))));
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(second.Client("bob"))));
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(below.Client("carol"))));
    }

    [Fact]
    public async Task Certificates_are_valid_by_the_clock_of_the_gateway()
    {
        var time = new ManualTime();
        var then = Authority.Show(_root.Client("alice", time.Now.AddHours(-1), time.Now.AddHours(1)));
        await using var gateway = await StartAsync(time: time);
        Assert.Equal("hello", await AskAsync(gateway, then));
        time.Advance(TimeSpan.FromMinutes(61));
        Assert.Null(await AskAsync(gateway, then));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Endpoints_learn_the_certificate_and_never_from_the_client(string version)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await StartAsync(", forward-client-cert: true, client-certificates: optional", route: "to: app", more: $"upstreams: {{ app: {{ endpoints: [ \"{upstream.Url}\" ] }} }}", listener: ", trusted-proxies: [ 127.0.0.0/8 ]");
        using var alice = _root.Client("alice");
        Assert.Contains($"\r\nClient-Cert: :{Convert.ToBase64String(alice.RawData)}:\r\n", await HeadAsync(Authority.Show(alice)), StringComparison.OrdinalIgnoreCase);
        await HeadAsync(null);

        async Task<string> HeadAsync(SslStreamCertificateContext? shown)
        {
            using var client = new HttpClient(new SocketsHttpHandler { SslOptions = Options(shown) }) { DefaultRequestVersion = new(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
            var head = "";
            for (var i = 0; i < 2; i++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"https://localhost:{gateway.Address.Port}/");
                request.Headers.Add("cLIENT-cERT", ":Zm9yZ2Vk:");
                request.Headers.Add("Client-Cert-Chain", ":Zm9yZ2Vk:");
                var answer = client.SendAsync(request, Cancel);
                using var endpoint = await upstream.AcceptAsync();
                head = await endpoint.ReadHeadAsync();
                Assert.DoesNotContain("Zm9yZ2Vk", head, StringComparison.Ordinal);
                Assert.Equal(shown is null ? 0 : 1, head.Split("\r\n").Count(line => line.StartsWith("Client-Cert", StringComparison.OrdinalIgnoreCase)));
                await endpoint.SendAsync("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                using var done = await answer;
            }

            return head;
        }
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("trusted-proxies: [ 127.0.0.0/8 ]", true)]
    public async Task Elsewhere_the_field_passes_from_trusted_proxies_alone(string listener, bool passes)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: listener);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nClient-Cert: :aa==:\r\nclient-cert-chain: :bb==:\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.Equal(passes, head.Contains("Client-Cert: :aa==:", StringComparison.Ordinal));
        Assert.Equal(passes, head.Contains("client-cert-chain: :bb==:", StringComparison.Ordinal));
        using var streams = await Http2Peer.ConnectAsync(gateway.Address);
        await streams.GetAsync(1, ("client-cert", ":aa==:"), ("client-cert-chain", ":bb==:"));
        using var other = await upstream.AcceptAsync();
        Assert.Equal(passes, (await other.ReadHeadAsync()).Contains(":aa==:", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Sessions_are_not_resumed_past_a_change_of_the_authority(SslProtocols version)
    {
        await using var gateway = await StartAsync();
        var shown = Authority.Show(_root.Client("alice"));
        Assert.Equal("hello", await AskAsync(gateway, shown, version));
        Assert.Equal("hello", await AskAsync(gateway, shown, version));
        var next = Authority.Root("next");
        await File.WriteAllTextAsync(_file, next.Pem, Cancel);
        await gateway.ApplyAsync(Yaml());
        Assert.Null(await AskAsync(gateway, shown, version));
        Assert.Equal("hello", await AskAsync(gateway, Authority.Show(next.Client("alice")), version));
    }

    [Theory]
    [InlineData("client-ca: /missing", "client-ca: the file cannot be read or is no PEM file; one with the certificates of the authority is expected")]
    [InlineData("client-ca: \"EMPTY\"", "client-ca: the file holds no root, a certificate that is its own issuer; a PEM file with one is expected")]
    [InlineData("client-ca: \"BELOW\"", "client-ca: the file holds no root, a certificate that is its own issuer; a PEM file with one is expected")]
    [InlineData("client-certificates: require", "client-certificates: 'client-certificates' has no meaning without client-ca, the file with the roots of clients' certificates")]
    [InlineData("forward-client-cert: true", "forward-client-cert: 'forward-client-cert' has no meaning without client-ca, the file with the roots of clients' certificates")]
    public void What_cannot_be_meant_is_a_problem(string options, string problem)
    {
        File.WriteAllText(_file, options.Contains("BELOW", StringComparison.Ordinal) ? _root.Below().Pem : "");
        var (_, problems) = TestGateway.Plan(
            $"listeners: {{ web: {{ address: \"127.0.0.1:0\", tls: {{ certificates: [ {_pair} ], {options.Replace("EMPTY", _file, StringComparison.Ordinal).Replace("BELOW", _file, StringComparison.Ordinal)} }} }} }}");
        var found = Assert.Single(problems);
        Assert.Equal("listeners.web.tls." + problem, $"{found.Path}: {found.Message}");
    }

    private string Yaml(string options = "", string route = "respond: { body: hello }", string more = "", string listener = "") => $$"""
        listeners: { web: { address: "127.0.0.1:0"{{listener}}, tls: { client-ca: "{{_file}}"{{options}}, certificates: [ {{_pair}} ] } } }
        routes: { all: { match: { path: "/**" }, {{route}} } }
        {{more}}
        """;

    private async Task<TestGateway> StartAsync(string options = "", string? ca = null, TimeProvider? time = null, string route = "respond: { body: hello }", string more = "", string listener = "")
    {
        await File.WriteAllTextAsync(_file, ca ?? _root.Pem);
        return await TestGateway.StartAsync(Yaml(options, route, more, listener), time, _log);
    }

    private static SslClientAuthenticationOptions Options(SslStreamCertificateContext? shown) => new()
    {
        TargetHost = "localhost",
        ClientCertificateContext = shown,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
    };

    /// <summary>The body of an answer; null when the connection ended without one.</summary>
    private static async Task<string?> AskAsync(TestGateway gateway, SslStreamCertificateContext? shown, SslProtocols version = SslProtocols.Tls13)
    {
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await using var stream = new SslStream(new NetworkStream(peer.Socket));
        var options = Options(shown);
        options.EnabledSslProtocols = version;
        try
        {
            await stream.AuthenticateAsClientAsync(options, Cancel);
            await stream.WriteAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"u8.ToArray(), Cancel);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            var answer = await reader.ReadToEndAsync(Cancel);
            return answer.Length == 0 ? null : answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return null;
        }
    }

    private static Task HasRefusedAsync(TestGateway gateway, int count)
        => Waiting.UntilAsync(() => gateway.Metrics().Contains($"lakou_connections_refused_total{{listener=\"web\",reason=\"client-certificate\"}} {count}\n", StringComparison.Ordinal));
}
