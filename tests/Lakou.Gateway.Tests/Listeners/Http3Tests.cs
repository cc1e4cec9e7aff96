using System.Buffers;
using System.Text;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>HTTP/3: with the QUIC library where it is, and everything but QUIC itself over a transport in memory where it is not.</summary>
public sealed class Http3Tests : IDisposable
{
    // RFC 9204 appendix A: ":method: GET" is 17, ":scheme: https" 23, ":path: /" 1, ":authority" 0.
    private static readonly byte[] s_get = [0x01, 8, 0, 0, 0xc0 | 17, 0xc0 | 23, 0xc0 | 1, 0x50, 1, (byte)'a'];

    private readonly Certificates _certificates = new();
    private readonly LogLines _log = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task Without_the_library_one_line_says_so_and_the_other_versions_are_served()
    {
        Assert.SkipWhen(Http3Server.IsSupported, "libmsquic is installed");
        await using var gateway = await TestGateway.StartAsync(Yaml(), loggers: _log);
        Assert.Equal("Warning: Listener web serves no HTTP/3: the QUIC library is missing. Install libmsquic 2.2 or later, or take http3 out of its protocols ", Assert.Single(_log.All, line => line.Contains("HTTP/3", StringComparison.Ordinal)));
        foreach (var version in new[] { "1.1", "2.0" })
        {
            using var answer = await AskAsync(gateway, version);
            Assert.False(answer.Headers.Contains("Alt-Svc"));
        }
    }

    [Fact]
    public async Task A_request_over_HTTP_3_is_a_request_like_any_other()
    {
        using var upstream = new RawUpstream();
        var quic = new FakeQuic();
        await using var gateway = await TestGateway.StartAsync(Yaml(route: "to: app", more: $"upstreams: {{ app: {{ endpoints: [ \"{upstream.Url}\" ] }} }}"), loggers: _log, quic: quic);
        Assert.Equal(gateway.Address, Assert.Single(quic.Bound));
        var client = quic.Connect();
        var answer = await GetAsync(client);
        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.StartsWith("GET / HTTP/1.1\r\nHost: a\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-For: 192.0.2.7\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-Proto: https\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nVia: 3 lakou\r\n", head, StringComparison.Ordinal);
        Assert.Equal(1, gateway.State.Listeners["web"].Connections);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        Assert.EndsWith("\0\u0005hello", await answer, StringComparison.Ordinal); // a DATA frame
        Assert.Contains("\"protocol\":\"HTTP/3\",\"status\":200", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
        client.Close();
        await gateway.HasConnectionsAsync(0);
        Assert.DoesNotContain(_log.All, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Warning: Listener", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Answers_of_other_versions_say_where_it_is(string version)
    {
        await using var gateway = await TestGateway.StartAsync(Yaml(), quic: new FakeQuic());
        using var answer = await AskAsync(gateway, version);
        Assert.Equal($"h3=\":{gateway.Address.Port}\"", Assert.Single(answer.Headers.GetValues("Alt-Svc")));
    }

    [Fact]
    public async Task A_changed_listener_leaves_its_port_to_the_next_and_finishes_what_runs()
    {
        using var upstream = new RawUpstream();
        var quic = new FakeQuic();
        var app = $"upstreams: {{ app: {{ endpoints: [ \"{upstream.Url}\" ] }} }}";
        await using var gateway = await TestGateway.StartAsync(Yaml(route: "to: app", more: app), quic: quic);
        var client = quic.Connect();
        var answer = await GetAsync(client);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await gateway.ApplyAsync(Yaml(route: "to: app", more: app, listener: ", limits: { connections: 7 }"));
        Assert.Equal([gateway.Address, gateway.Address], quic.Bound);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        Assert.EndsWith("hello", await answer, StringComparison.Ordinal);
        await gateway.ApplyAsync(Yaml(protocols: "http1, http2"));
        Assert.False(quic.IsBound);
    }

    [Fact]
    public async Task A_stop_waits_for_what_runs()
    {
        using var upstream = new RawUpstream();
        var quic = new FakeQuic();
        await using var gateway = await TestGateway.StartAsync(Yaml(route: "to: app", more: $"upstreams: {{ app: {{ endpoints: [ \"{upstream.Url}\" ] }} }}"), quic: quic);
        var client = quic.Connect();
        var answer = await GetAsync(client);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        using var drain = new CancellationTokenSource();
        var stopped = gateway.State.StopAsync(drain.Token);
        await Waiting.UntilAsync(() => !quic.IsBound);
        Assert.False(stopped.IsCompleted);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        Assert.EndsWith("hello", await answer, StringComparison.Ordinal);
        client.Close(); // as it was told
        await stopped.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }

    [Theory]
    [InlineData("protocols: [ http1, http3 ]", "protocols: http3 is spoken over TLS alone; add tls, or take http3 out")]
    [InlineData("protocols: [ http3 ], TLS", "protocols: clients learn of http3 from an answer over another version; add http1 or http2")]
    [InlineData("protocols: [ http1, http3 ], TLS, accept-proxy: [ 10.0.0.0/8 ]", "protocols: http3 has no PROXY header; take it or accept-proxy out")]
    public void What_cannot_be_meant_is_a_problem(string listener, string problem)
    {
        var tls = $"tls: {{ certificates: [ {_certificates.Create("localhost")} ] }}";
        var (_, problems) = TestGateway.Plan($"listeners: {{ web: {{ address: \"127.0.0.1:0\", {listener.Replace("TLS", tls, StringComparison.Ordinal)} }} }}");
        var found = Assert.Single(problems);
        Assert.Equal("listeners.web." + problem, $"{found.Path}: {found.Message}");
    }

    [Fact]
    public void Its_port_is_for_datagrams_too()
    {
        var (_, problems) = TestGateway.Plan(
            $"listeners: {{ web: {{ address: \":7443\", protocols: [ http2, http3 ], tls: {{ certificates: [ {_certificates.Create("localhost")} ] }} }}, dns: {{ address: \":7443\", udp: {{ to: dns }} }} }}\nupstreams: {{ dns: {{ endpoints: [ udp://127.0.0.1:53 ] }} }}");
        Assert.StartsWith("listener 'web' has this address already", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_library_a_client_is_served_by_certificate_and_name_and_reloads()
    {
        Assert.SkipUnless(Http3Server.IsSupported, "libmsquic is not installed (package libmsquic of packages.microsoft.com)");
        var root = Authority.Root();
        var file = _certificates.Write("root") + ".ca";
        await File.WriteAllTextAsync(file, root.Pem, Cancel);
        var yaml = Yaml(tls: $", client-ca: \"{file}\"");
        await using var gateway = await TestGateway.StartAsync(yaml, loggers: _log);
        using (var answer = await AskAsync(gateway, "3.0", Authority.Show(root.Client("alice"))))
        {
            Assert.Equal("hello", await answer.Content.ReadAsStringAsync(Cancel));
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(gateway, "3.0", null));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(gateway, "3.0", Authority.Show(Authority.Root("other").Client("alice"))));
        await gateway.ApplyAsync(yaml.Replace("hello", "hi", StringComparison.Ordinal).Replace("protocols:", "limits: { connections: 9 }, protocols:", StringComparison.Ordinal));
        using var after = await AskAsync(gateway, "3.0", Authority.Show(root.Client("alice")));
        Assert.Equal("hi", await after.Content.ReadAsStringAsync(Cancel));
    }

    private string Yaml(string route = "respond: { body: hello }", string more = "", string listener = "", string protocols = "http1, http2, http3", string tls = "") => $$"""
        listeners: { web: { address: "127.0.0.1:0", protocols: [ {{protocols}} ], tls: { certificates: [ {{_certificates.Create("localhost")}} ]{{tls}} }{{listener}} } }
        routes: { all: { match: { path: "/**" }, {{route}} } }
        {{more}}
        """;

    private static async Task<HttpResponseMessage> AskAsync(TestGateway gateway, string version, System.Net.Security.SslStreamCertificateContext? shown = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = { ClientCertificateContext = shown, RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } })
        {
            DefaultRequestVersion = new(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        return await client.GetAsync(new Uri($"https://localhost:{gateway.Address.Port}/"), Cancel);
    }

    /// <summary>Opens the client's control stream, asks, and gives all that is answered (RFC 9114 §6.2.1, §4.1).</summary>
    private static async Task<Task<string>> GetAsync(FakeQuic.Connection client)
    {
        await client.OpenAsync([0, 4, 0], bothWays: false); // no settings
        var stream = await client.OpenAsync(s_get, bothWays: true);
        return ReadAsync().WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Cancel);

        async Task<string> ReadAsync()
        {
            while (true)
            {
                var read = await stream.Input.ReadAsync(Cancel);
                if (read.IsCompleted)
                {
                    return Encoding.Latin1.GetString(read.Buffer.ToArray());
                }

                stream.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
    }
}
