using System.Security.Authentication;
using System.Text;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Upstreams;

/// <summary>Endpoints over TLS.</summary>
public sealed class UpstreamTlsTests : IDisposable
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    private readonly Certificates _certificates = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_goes_to_the_name_that_was_written_and_speaks_HTTP_1()
    {
        var path = _certificates.Write("app.test");
        using var upstream = new TlsUpstream(path, TlsUpstream.Answering(Ok));
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: $"tls: {{ ca: \"{path}.pem\", server-name: app.test, min-version: 1.3 }}");
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(Get);
            Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
            Assert.Equal("ok", await client.ReadAsync(2));
        }

        Assert.Equal([("app.test", "http/1.1", null)], upstream.Handshakes);
    }

    [Theory]
    [InlineData("", "is not trusted (")]
    [InlineData("tls: { ca: \"{path}.pem\" }", "is for another name")]
    [InlineData("tls: { ca: \"{path}.pem\", server-name: b.test }", "is for another name than b.test")]
    [InlineData("tls: { ca: \"{other}.pem\", server-name: app.test }", "is not trusted (")]
    public async Task An_endpoint_that_is_not_who_it_should_be_gets_no_request(string tls, string reason)
    {
        var path = _certificates.Write("app.test");
        var requests = 0;
        using var upstream = new TlsUpstream(path, async (_, stream) =>
        {
            if ((await TlsUpstream.ReadHeadAsync(stream)).Length > 0)
            {
                Interlocked.Increment(ref requests);
            }
        });
        tls = tls.Replace("{path}", path, StringComparison.Ordinal).Replace("{other}", _certificates.Write("app.test"), StringComparison.Ordinal);
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: tls);
        var (status, problem) = await AskAsync(gateway);
        Assert.Equal(502, status);
        Assert.Contains("upstream/tls-failed", problem, StringComparison.Ordinal);
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.True(line.Contains(reason, StringComparison.Ordinal), line);
        Assert.Equal(0, requests);
    }

    [Fact]
    public async Task An_endpoint_may_be_anybody_where_nothing_is_verified()
    {
        using var upstream = new TlsUpstream(_certificates.Write("app.test"), TlsUpstream.Answering(Ok));
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: "tls: { verify: false }");
        Assert.Equal(200, (await AskAsync(gateway)).Status);
    }

    [Fact]
    public async Task An_endpoint_that_asks_sees_the_certificate_of_the_gateway()
    {
        var path = _certificates.Write("app.test");
        using var upstream = new TlsUpstream(path, TlsUpstream.Answering(Ok), options =>
        {
            options.ClientCertificateRequired = true;
            options.RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null;
        });
        await using var gateway = await TestGateway.ForwardAsync(
            upstream.Url, upstream: $"tls: {{ ca: \"{path}.pem\", server-name: app.test, certificate: {_certificates.Create("gateway.test")} }}");
        Assert.Equal(200, (await AskAsync(gateway)).Status);
        Assert.Equal("CN=gateway.test", Assert.Single(upstream.Handshakes).Client);
    }

    [Fact]
    public async Task Versions_that_are_too_old_and_plain_text_are_named_as_what_they_are()
    {
        using var old = new TlsUpstream(_certificates.Write("app.test"), TlsUpstream.Answering(Ok), static options => options.EnabledSslProtocols = SslProtocols.Tls12);
        using var plain = new RawUpstream().Serve(static async peer =>
        {
            await peer.SendAsync(Ok);
            await peer.ReadToEndAsync();
        });
        foreach (var url in (string[])[old.Url, plain.Url.Replace("http:", "https:", StringComparison.Ordinal)])
        {
            await using var gateway = await TestGateway.ForwardAsync(url, upstream: "tls: { verify: false, min-version: 1.3 }");
            var (status, detail) = await AskAsync(gateway);
            Assert.Equal(502, status);
            Assert.Contains("upstream/tls-failed", detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_handshake_has_the_time_of_a_connect()
    {
        using var silent = new RawUpstream().Serve(static peer => peer.ReadToEndAsync());
        await using var gateway = await TestGateway.ForwardAsync(
            silent.Url.Replace("http:", "https:", StringComparison.Ordinal), upstream: "tls: { verify: false }, timeouts: { connect: 100ms }");
        var (status, detail) = await AskAsync(gateway);
        Assert.Equal(504, status);
        Assert.Contains("upstream/connect-timeout", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Large_bodies_pass_both_ways_whole()
    {
        var path = _certificates.Write("app.test");
        using var upstream = new TlsUpstream(path, async (_, stream) =>
        {
            var head = await TlsUpstream.ReadHeadAsync(stream);
            var length = long.Parse(head.Split("Content-Length: ")[1].Split('\r')[0], System.Globalization.CultureInfo.InvariantCulture);
            await stream.WriteAsync(Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            var buffer = new byte[10_000];
            for (int count; length > 0; length -= count)
            {
                count = await stream.ReadAsync(buffer);
                await stream.WriteAsync(buffer.AsMemory(0, count));
            }
        });
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: $"tls: {{ ca: \"{path}.pem\", server-name: app.test }}");
        var body = new byte[5_000_000];
        new Random(7).NextBytes(body);
        using var client = new HttpClient();
        using var content = new ByteArrayContent(body);
        using var answer = await client.PostAsync(gateway.Uri, content, Stop);
        Assert.Equal(body, await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task A_tunnel_goes_through_and_each_side_can_end_its_half()
    {
        var path = _certificates.Write("app.test");
        using var upstream = new TlsUpstream(path, async (_, stream) =>
        {
            await TlsUpstream.ReadHeadAsync(stream);
            await stream.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"u8.ToArray());
            var text = new MemoryStream();
            await stream.CopyToAsync(text);
            await stream.WriteAsync(text.ToArray());
            await stream.ShutdownAsync();
        });
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: $"tls: {{ ca: \"{path}.pem\", server-name: app.test }}");
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync("to and fro");
        client.ShutdownSend();
        Assert.Equal("to and fro", await client.ReadToEndAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_an_idle_connection_says_answers_no_request(bool speaks)
    {
        // Left on the connection, it would be taken for the answer to the next request.
        var path = _certificates.Write("app.test");
        var said = new TaskCompletionSource();
        using var upstream = new TlsUpstream(path, async (self, stream) =>
        {
            await TlsUpstream.ReadHeadAsync(stream);
            await stream.WriteAsync(Encoding.Latin1.GetBytes(Ok));
            if (self.Accepted == 1)
            {
                if (speaks)
                {
                    await stream.WriteAsync(Encoding.Latin1.GetBytes(Ok.Replace("ok", "no", StringComparison.Ordinal)));
                }
                else
                {
                    await stream.ShutdownAsync(); // a close_notify without a FIN
                }

                said.SetResult();
            }

            await TlsUpstream.ReadHeadAsync(stream);
        });
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, upstream: $"tls: {{ ca: \"{path}.pem\", server-name: app.test }}");
        Assert.Equal(200, (await AskAsync(gateway)).Status);
        await said.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await Waiting.UntilAsync(() => gateway.State.Upstreams["app"].Endpoints[0].OpenConnections == 0);
        var (status, body) = await AskAsync(gateway);
        Assert.Equal((200, "ok"), (status, body));
        Assert.Equal(2, upstream.Accepted);
    }

    [Fact]
    public async Task Other_roots_are_other_connections()
    {
        var path = _certificates.Write("app.test");
        using var upstream = new TlsUpstream(path, TlsUpstream.Answering(Ok));
        var yaml = $$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ], tls: { ca: "{{path}}.pem", server-name: app.test } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """;
        await using var gateway = await TestGateway.StartAsync(yaml);
        Assert.Equal(200, (await AskAsync(gateway)).Status);
        await gateway.ApplyAsync(yaml.Replace(path, _certificates.Write("app.test"), StringComparison.Ordinal));
        Assert.Equal(502, (await AskAsync(gateway)).Status);
        Assert.Contains("endpoint=\"" + upstream.Url, gateway.Metrics(), StringComparison.Ordinal);
        await gateway.ApplyAsync(yaml);
        Assert.Equal(200, (await AskAsync(gateway)).Status);
        Assert.Equal(3, upstream.Accepted);
    }

    [Theory]
    [InlineData("endpoints: [ \"http://127.0.0.1:1\" ], tls: { verify: false }", "upstreams.app.tls: no endpoint speaks TLS; write their addresses as https://host:port")]
    [InlineData("endpoints: [ \"https://127.0.0.1:1\" ], tls: { ca: none.pem }", "upstreams.app.tls.ca: the file cannot be read or holds no certificate; a PEM file is expected")]
    [InlineData("endpoints: [ \"https://127.0.0.1:1\" ], tls: { certificate: { cert: none.pem, key: none.key } }", "upstreams.app.tls.certificate.cert: the file does not exist; a PEM file is expected")]
    [InlineData("endpoints: [ \"https://127.0.0.1:1\", \"http://127.0.0.1:2\" ]", "upstreams.app.endpoints: http://127.0.0.1:2 stands beside https endpoints; an upstream's endpoints speak one protocol")]
    public void What_cannot_be_meant_is_a_problem(string upstream, string expected)
    {
        var (_, problems) = TestGateway.Plan($"upstreams: {{ app: {{ {upstream} }} }}\nroutes: {{ all: {{ match: {{ path: \"/**\" }}, to: app }} }}");
        Assert.Contains(problems, problem => problem.ToString().EndsWith(expected, StringComparison.Ordinal));
    }

    public void Dispose() => _certificates.Dispose();

    private static async Task<(int Status, string Body)> AskAsync(TestGateway gateway)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Uri);
        request.Headers.Accept.ParseAdd("application/problem+json");
        using var answer = await client.SendAsync(request, Stop);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }
}
