using System.Net;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Tests.Upstreams.Health;
using Lakou.Gateway.Upstreams.Discovery.Dns;
using Lakou.Gateway.Upstreams.Health;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

/// <summary>Behind a running gateway, over real sockets.</summary>
public sealed class DiscoveryTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task The_first_endpoints_are_there_when_the_gateway_has_started()
    {
        using var endpoint = new RawUpstream().Answer(Ok);
        using var server = NameServer.Start().WithServices(endpoint);
        await using var world = await HealthWorld.OpenYamlAsync(Yaml(server));
        Assert.Equal(endpoint.Url, Assert.Single(world.Upstream.Endpoints).Address.Text);
        Assert.Equal("200", await world.AskAsync());
        Assert.True(world.HasMetric("lakou_upstream_endpoints{upstream=\"app\"} 1"));
    }

    [Fact]
    public async Task A_source_without_an_answer_does_not_keep_the_gateway_from_starting()
    {
        using var server = NameServer.Start();
        server.Instead = _ => [];
        var time = new ManualTime();
        var starting = TestGateway.StartAsync(Yaml(server), time);
        var passed = await time.PassUntilAsync(starting, TimeSpan.FromMilliseconds(100));
        await using var gateway = await starting;
        Assert.True(passed >= TimeSpan.FromSeconds(2), $"{passed}");
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var answer = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 503", answer, StringComparison.Ordinal);
        Assert.Contains("upstream/no-endpoint", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_stops_resolving_keeps_its_last_addresses_and_is_counted()
    {
        using var endpoint = new RawUpstream().Answer(Ok);
        using var server = NameServer.Start().WithServices(endpoint);
        await using var world = await HealthWorld.OpenYamlAsync(Yaml(server));
        server.Zone.Clear();
        var failed = Waiting.UntilAsync(() => world.HasMetric("lakou_upstream_discovery_failures_total{upstream=\"app\",source=\"dns\",reason=\"not-found\"} 3"));
        await world.Time.PassUntilAsync(failed, TimeSpan.FromMilliseconds(500));
        await failed;
        Assert.Equal("200", await world.AskAsync());
        Assert.Single(world.Lines, line => line.EndsWith(". The last 1 are kept", StringComparison.Ordinal));
        Assert.True(world.HasMetric("lakou_upstream_discovery_current{upstream=\"app\",source=\"dns\"} 0"));
    }

    [Fact]
    public async Task An_endpoint_that_stays_keeps_its_state_and_one_that_leaves_finishes_what_it_has()
    {
        using var stays = new RawUpstream().Answer(Ok);
        using var leaves = new RawUpstream();
        using var comes = new RawUpstream().Answer(Ok);
        using var server = NameServer.Start().WithServices(leaves);
        await using var world = await HealthWorld.OpenYamlAsync(Yaml(server));

        // A request is under way on the one that leaves.
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        using var peer = await leaves.AcceptAsync();
        await peer.ReadHeadAsync();
        await peer.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");

        await ListAsync(world, server, stays, leaves);
        var state = world.Upstream.Endpoints.Single(one => one.Address.Text == stays.Url);
        world.Upstream.Health.SetByHand(state, HealthState.Draining);
        await ListAsync(world, server, stays, comes);

        Assert.Same(state, world.Upstream.Endpoints.Single(one => one.Address.Text == stays.Url));
        Assert.Equal(HealthState.Draining, state.Health.Status.State);
        Assert.Equal("200", await world.AskAsync());
        Assert.Equal((0, 1), (stays.Accepted, comes.Accepted));

        await peer.SendAsync("-last");
        Assert.EndsWith("first-last", await client.ReadToAsync("-last"), StringComparison.Ordinal);
        Assert.Equal("", await peer.ReadToEndAsync()); // closed, not kept for a next request
        Assert.DoesNotContain($"endpoint=\"{leaves.Url}\"", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_that_leaves_the_source_alone_asks_nobody_and_keeps_everything()
    {
        using var endpoint = new RawUpstream().Answer(Ok);
        using var server = NameServer.Start().WithServices(endpoint);
        await using var world = await HealthWorld.OpenYamlAsync(Yaml(server));
        var (discovery, state, asked) = (world.Upstream.Discovery, world.Upstream.Endpoints[0], server.Asked.Length);
        await world.Gateway.ApplyAsync(Yaml(server, "balance: least-requests, "));
        Assert.Same(discovery, world.Upstream.Discovery);
        Assert.Same(state, world.Upstream.Endpoints.Single());
        Assert.Equal(asked, server.Asked.Length);

        await world.Gateway.ApplyAsync(Yaml(server).Replace("floor: 1s", "floor: 2s", StringComparison.Ordinal));
        Assert.NotSame(discovery, world.Upstream.Discovery);
        Assert.Same(state, world.Upstream.Endpoints.Single());
    }

    [Fact]
    public async Task Endpoints_of_the_file_serve_until_a_source_that_takes_over_has_its_first_list()
    {
        using var before = new RawUpstream().Answer(Ok);
        using var after = new RawUpstream().Answer(Ok);
        using var server = NameServer.Start();
        server.Instead = _ => [];
        await using var world = await HealthWorld.OpenAsync("", before.Url);
        await world.Gateway.ApplyAsync(Yaml(server));
        Assert.Equal("200", await world.AskAsync());
        Assert.Equal(1, before.Accepted);

        server.Instead = null;
        await ListAsync(world, server, after);
        Assert.Equal("200", await world.AskAsync());
        Assert.Equal(1, after.Accepted);

        await world.Gateway.ApplyAsync(HealthWorld.Yaml("", before.Url));
        Assert.Equal(before.Url, world.Upstream.Endpoints.Single().Address.Text);
        Assert.Null(world.Upstream.Discovery);
        Assert.DoesNotContain("lakou_upstream_discovery_current{", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificates_of_endpoints_are_for_the_name_that_led_to_them()
    {
        using var certificates = new Certificates();
        var path = certificates.Write("orders.test");
        using var upstream = new TlsUpstream(path, TlsUpstream.Answering(Ok), options => options.ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http11]);
        using var server = NameServer.Start().With("orders.test", 30, "127.0.0.1");
        await using var world = await HealthWorld.OpenYamlAsync($$"""
            upstreams: { app: { dns: { name: orders.test, port: {{new Uri(upstream.Url).Port}}, scheme: https, servers: [ "{{server.Address}}" ] }, tls: { ca: "{{path}}.pem" } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        Assert.Equal("200", await world.AskAsync());
        Assert.Equal("orders.test", Assert.Single(upstream.Handshakes).Name);
    }

    [Fact]
    public async Task The_window_of_passive_health_ends_however_often_the_list_changes()
    {
        using var bad = new RawUpstream();
        using var good = new RawUpstream();
        using var sometimes = new RawUpstream();
        using var server = NameServer.Start().WithServices(bad, good);
        await using var world = await HealthWorld.OpenYamlAsync(Yaml(server, "health: { passive: { failures: 0, failure-share: 50%, window: 10s, min-requests: 5 } }, "));
        var state = world.Upstream.Endpoints.Single(one => one.Address.Text == bad.Url);
        for (var i = 0; i < 10; i++)
        {
            state.Health.Failed("upstream/closed", world.Time.GetTimestamp());
        }

        var begun = world.Time.Now;
        while (world.Time.Now - begun < TimeSpan.FromSeconds(11))
        {
            await ListAsync(world, server, bad, good, sometimes);
            await ListAsync(world, server, bad, good);
        }

        await Waiting.UntilAsync(() => state.Health.Status.State == HealthState.Ejected);
    }

    [Fact]
    public async Task Servers_that_come_and_go_cost_no_request()
    {
        const int Changes = 25;
        const int Clients = 6;
        var stop = TestContext.Current.CancellationToken;
        var servers = new List<Flapper> { await Flapper.StartAsync(), await Flapper.StartAsync() };
        using var names = NameServer.Start().WithServices(servers.Select(one => one.Url));
        await using var gateway = await TestGateway.StartAsync(Yaml(names, "health: { passive: { failures: 0 } }, ").Replace("floor: 1s", "floor: 100ms", StringComparison.Ordinal));
        var upstream = gateway.State.Upstreams["app"];
        using var done = new CancellationTokenSource();
        var clients = Enumerable.Range(0, Clients).Select(_ => AskUntilAsync(gateway.Uri, done.Token)).ToArray();

        // One comes, one leaves the list; who left the list before has nothing any more, and ends.
        Flapper? left = null;
        for (var i = 0; i < Changes; i++)
        {
            servers.Add(await Flapper.StartAsync());
            var leaving = servers[0];
            servers.RemoveAt(0);
            names.WithServices(servers.Select(one => one.Url));
            await Waiting.UntilAsync(() => upstream.Endpoints.Select(one => one.Address.Text).ToHashSet().SetEquals(servers.Select(one => one.Url)));
            if (left is not null)
            {
                Assert.Equal(0, left.Running);
                await left.DisposeAsync();
            }

            left = leaving;
            var seen = servers[^1];
            await Waiting.UntilAsync(() => seen.Answered > 0);
        }

        await done.CancelAsync();
        var asked = await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, stop);
        Assert.All(asked, one => Assert.Empty(one.Failures));
        Assert.True(asked.Sum(one => one.Good) > Changes, $"{asked.Sum(one => one.Good)}");
        foreach (var server in servers.Append(left!))
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<(int Good, List<string> Failures)> AskUntilAsync(Uri gateway, CancellationToken done)
    {
        using var client = new HttpClient { BaseAddress = gateway };
        var (good, failures) = (0, new List<string>());
        while (!done.IsCancellationRequested)
        {
            try
            {
                using var content = new StringContent(new string('x', 10_000));
                using var response = await client.PostAsync(new Uri("/orders", UriKind.Relative), content, CancellationToken.None);
                var body = await response.Content.ReadAsStringAsync(CancellationToken.None);
                if (response.StatusCode == HttpStatusCode.OK && body == "begun, ended")
                {
                    good++;
                }
                else
                {
                    failures.Add($"{response.StatusCode} {body}");
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                failures.Add(e.ToString());
            }
        }

        return (good, failures);
    }

    /// <summary>The name server says this now; waits until the gateway knows.</summary>
    private static async Task ListAsync(HealthWorld world, NameServer server, params RawUpstream[] endpoints)
    {
        server.WithServices(endpoints);
        var known = Waiting.UntilAsync(() => world.Upstream.Endpoints.Select(one => one.Address.Text).ToHashSet().SetEquals(endpoints.Select(one => one.Url)));
        await world.Time.PassUntilAsync(known, TimeSpan.FromMilliseconds(500));
        await known;
    }

    private static string Yaml(NameServer server, string more = "") => $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { app: { {{more}}dns: { srv: _http._tcp.app.test, floor: 1s, servers: [ "{{server.Address}}" ] } } }
        routes: { all: { match: { path: "/**" }, to: app } }
        """;
}

internal static class NameServerServices
{
    /// <summary>SRV records of <c>_http._tcp.app.test</c>, all on loopback.</summary>
    public static NameServer WithServices(this NameServer server, params RawUpstream[] endpoints) => server.WithServices(endpoints.Select(endpoint => endpoint.Url));

    public static NameServer WithServices(this NameServer server, IEnumerable<string> urls)
    {
        server.Zone[("_http._tcp.app.test", DnsType.Srv)] = new()
        {
            Answers = [.. urls.Select(url => NameServer.Record("_http._tcp.app.test", DnsType.Srv, 0, NameServer.Service(1, 1, new Uri(url).Port, "host.test")))],
            Additionals = [NameServer.Record("host.test", DnsType.A, 0, [127, 0, 0, 1])],
        };
        return server;
    }
}

/// <summary>A server that takes a moment for each request, and knows how many run.</summary>
internal sealed class Flapper : IAsyncDisposable
{
    private KestrelUpstream _server = null!;
    private int _running;
    private int _answered;

    public string Url => _server.Url;

    public int Running => Volatile.Read(ref _running);

    public int Answered => Volatile.Read(ref _answered);

    public static async Task<Flapper> StartAsync()
    {
        var flapper = new Flapper();
        flapper._server = await KestrelUpstream.StartAsync(async context =>
        {
            Interlocked.Increment(ref flapper._running);
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("begun, ");
            await context.Response.Body.FlushAsync();
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            await context.Response.WriteAsync("ended");
            await context.Response.CompleteAsync();
            Interlocked.Increment(ref flapper._answered);
            Interlocked.Decrement(ref flapper._running);
        });
        return flapper;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
