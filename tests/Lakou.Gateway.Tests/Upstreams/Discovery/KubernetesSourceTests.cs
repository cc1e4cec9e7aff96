using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Discovery.Kubernetes;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class KubernetesSourceTests
{
    private static readonly KubernetesOptions s_orders = new() { Service = "orders", Port = "http" };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_pages_of_the_list_make_the_endpoints()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "next page", Slice("a", "7", "10.0.0.2"))).Then(200, List("7", "", Slice("b", "6", "10.0.0.1", "10.0.0.2")));
        await using var source = Source(api);
        var endpoints = await source.NextAsync(Stop);
        Assert.Equal(["http://10.0.0.1:8080", "http://10.0.0.2:8080"], Texts(endpoints));
        Assert.Equal("orders.shop.svc", endpoints[0].Address.Host);
        Assert.Equal(
        [
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name=orders&limit=500",
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name=orders&limit=500&continue=next page",
        ], api.Requests);
    }

    [Fact]
    public async Task What_the_watch_tells_changes_the_endpoints()
    {
        var more = new TaskCompletionSource();
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1"))).Then(async context =>
        {
            await WriteAsync(context, Event("ADDED", Slice("b", "8", "10.0.0.2")));
            await more.Task;
            await WriteAsync(context, Event("BOOKMARK", """{"metadata":{"resourceVersion":"12"}}""") + Event("MODIFIED", Slice("a", "13", "10.0.0.3")) + Event("DELETED", Slice("b", "14")));
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var source = Source(api);
        Assert.Equal(["http://10.0.0.1:8080"], Texts(await source.NextAsync(Stop)));
        Assert.Equal(["http://10.0.0.1:8080", "http://10.0.0.2:8080"], Texts(await source.NextAsync(Stop)));
        var burst = source.NextAsync(Stop);
        more.SetResult();
        Assert.Equal(["http://10.0.0.3:8080"], Texts(await burst)); // one list for the burst
        Assert.Contains("watch=true&allowWatchBookmarks=true&timeoutSeconds=", api.Requests[1], StringComparison.Ordinal);
        Assert.EndsWith("&resourceVersion=7", api.Requests[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_ends_or_breaks_in_a_line_goes_on_from_where_it_was()
    {
        var isRead = new TaskCompletionSource();
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1")))
            .Then(context => WriteAsync(context, Event("BOOKMARK", """{"metadata":{"resourceVersion":"9"}}""")))
            .Then(async context =>
            {
                await WriteAsync(context, Event("MODIFIED", Slice("a", "10", "10.0.0.2")));
                await WriteAsync(context, Event("MODIFIED", Slice("a", "11", "10.6.6.6"))[..60]);
                await isRead.Task; // a reset takes with it what was not read
                context.Abort();
            })
            .Then(context => WriteAsync(context, Event("MODIFIED", Slice("a", "11", "10.0.0.3"))));
        await using var source = Source(api);
        await source.NextAsync(Stop);
        Assert.Equal(["http://10.0.0.2:8080"], Texts(await source.NextAsync(Stop)));
        isRead.SetResult();
        Assert.Equal(["http://10.0.0.3:8080"], Texts(await source.NextAsync(Stop)));
        Assert.Equal(["7", "9", "10"], api.Requests.Skip(1).Select(request => request.Split('=')[^1]));
    }

    [Theory]
    [InlineData("status")]
    [InlineData("event")]
    public async Task A_version_that_is_gone_begins_with_a_list_again(string how)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1"), Slice("b", "5", "10.0.0.5")))
            .Then(how == "status" ? 410 : 200, Event("ERROR", """{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"""))
            .Then(200, List("99", "", Slice("a", "98", "10.0.0.2")));
        await using var source = Source(api);
        await source.NextAsync(Stop);
        Assert.Equal(["http://10.0.0.2:8080"], Texts(await source.NextAsync(Stop)));
        _ = source.NextAsync(Stop);
        await api.HasRequestsAsync(4);
        Assert.EndsWith("resourceVersion=99", api.Requests[3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"ERROR","object":{"code":500,"message":"etcd is gone"}}""", "the watch ended with 500 etcd is gone")]
    [InlineData("<html>", "a line of the watch is no event; is this the API?")]
    [InlineData("""{"type":"ADDED","object":7}""", "a line of the watch is no event; is this the API?")]
    [InlineData("""{"type":"ADDED"}""", "a line of the watch is no event; is this the API?")]
    [InlineData("null", "a line of the watch is no event; is this the API?")]
    public async Task A_watch_that_makes_no_sense_fails_and_a_list_follows(string line, string message)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1"))).Then(200, line + "\n").Then(200, List("8", "", Slice("a", "8", "10.0.0.1")));
        await using var source = Source(api);
        await source.NextAsync(Stop);
        var failure = await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop));
        Assert.Equal((DiscoveryFailure.Answer, message), (failure.Reason, failure.Message));
        Assert.Equal(["http://10.0.0.1:8080"], Texts(await source.NextAsync(Stop)));
    }

    [Fact]
    public async Task A_line_without_end_is_refused()
    {
        await using var api = await ScriptedApi.StartAsync();
        var block = new string('x', 1 << 20);
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1"))).Then(async context =>
        {
            for (var i = 0; i < 64; i++)
            {
                await WriteAsync(context, block);
            }
        });
        await using var source = Source(api);
        await source.NextAsync(Stop);
        Assert.Equal("a line of the answer is longer than 4 MiB", (await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop))).Message);
    }

    [Theory]
    [InlineData(403, """{"message":"endpointslices is forbidden"}""", "denied", "403: {\"message\":\"endpointslices is forbidden\"}; allow the token to read this")]
    [InlineData(500, "", "answer", "500")]
    [InlineData(200, "hello", "answer", "is this the API?")]
    [InlineData(200, """{"items":null}""", "answer", "a list without a version; is this the API?")]
    public async Task A_list_that_is_refused_or_none_tells_why(int status, string body, string reason, string message)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(status, body);
        await using var source = Source(api);
        var failure = await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop));
        Assert.Equal(reason, failure.Reason);
        Assert.EndsWith(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_failed_watch_the_list_is_told_again_and_nothing_was_lost()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1"))).Then(503, "").Then(200, "");
        await using var source = Source(api);
        await source.NextAsync(Stop);
        await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop));
        Assert.Equal(["http://10.0.0.1:8080"], Texts(await source.NextAsync(Stop)));
        Assert.Equal(["7", "7"], api.Requests.Skip(1).Select(request => request.Split('=')[^1])); // no list in between
    }

    [Fact]
    public async Task A_renewed_token_is_used_at_the_next_request()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "one\n", Stop);
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, List("7", "", Slice("a", "7", "10.0.0.1")));
        await using var source = Source(api, new ApiAccess(new Uri(api.Url), file, null, "shop"));
        await source.NextAsync(Stop);
        await File.WriteAllTextAsync(file, "two\n", Stop);
        _ = source.NextAsync(Stop);
        await api.HasRequestsAsync(2);
        Assert.Equal(["Bearer one", "Bearer two"], api.Tokens);
        File.Delete(file);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("other.test", false)]
    public async Task The_API_is_believed_if_its_certificate_is_for_it_and_of_the_roots_in_the_file(string name, bool isBelieved)
    {
        using var certificates = new Certificates();
        var path = certificates.Write(name);
        var body = List("7", "", Slice("a", "7", "10.0.0.1"));
        using var server = new TlsUpstream(path, TlsUpstream.Answering($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}"), options => options.ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http11]);
        var api = new Uri($"https://localhost:{new Uri(server.Url).Port}");
        foreach (var (ca, isRoot) in new[] { (path, true), (certificates.Write("localhost"), false) })
        {
            await using var source = new KubernetesSource(s_orders, new(api, null, ca + ".pem", "shop"), TimeProvider.System);
            if (isBelieved && isRoot)
            {
                Assert.Single(await source.NextAsync(Stop));
            }
            else
            {
                Assert.Equal(DiscoveryFailure.Unreachable, (await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop))).Reason);
            }
        }
    }

    [Fact]
    public void Pods_that_are_not_ready_wait_and_those_that_leave_are_the_last_resort()
    {
        var slice = Parse("""
            {"metadata":{"name":"a"},"addressType":"IPv4","ports":[{"name":"http","port":8080}],"endpoints":[
              {"addresses":["10.0.0.1"],"conditions":{"ready":true}},
              {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":false}},
              {"addresses":["10.0.0.3"],"conditions":{"ready":false,"serving":true,"terminating":true}},
              {"addresses":["10.0.0.4"]}, null, {"addresses":null}, {"addresses":[null]}, {"addresses":["x"]}]}
            """);
        Assert.Equal(["http://10.0.0.1:8080", "http://10.0.0.4:8080"], Texts(EndpointSlices.Merge([slice], s_orders, "o")));

        EndpointSlice last = slice with { Endpoints = [.. slice.Endpoints!.Skip(1).Take(2)] };
        Assert.Equal(["http://10.0.0.3:8080"], Texts(EndpointSlices.Merge([last], s_orders, "o")));
        Assert.Empty(EndpointSlices.Merge([slice with { Endpoints = [slice.Endpoints![1]] }], s_orders, "o"));
    }

    [Fact]
    public void IPv6_serves_where_there_is_no_IPv4()
    {
        var six = Parse("""{"metadata":{"name":"a"},"addressType":"IPv6","ports":[{"name":"http","port":8080}],"endpoints":[{"addresses":["fd00::1"]}]}""");
        var four = Parse("""{"metadata":{"name":"b"},"addressType":"IPv4","ports":[{"name":"http","port":8081}],"endpoints":[{"addresses":["10.0.0.1"]}]}""");
        var names = Parse("""{"metadata":{"name":"c"},"addressType":"FQDN","endpoints":[{"addresses":["a.test"]}]}""");
        Assert.Equal(["http://[fd00::1]:8080"], Texts(EndpointSlices.Merge([six, names], s_orders, "o")));
        Assert.Equal(["http://10.0.0.1:8081"], Texts(EndpointSlices.Merge([six, four], s_orders, "o")));
    }

    [Theory]
    [InlineData("http", "http", 8080)]
    [InlineData("9090", "http", 9090)]
    [InlineData("dns", "udp", 53)]
    public void The_port_goes_by_name_or_number_and_by_protocol(string port, string scheme, int expected)
        => Assert.Equal($"{scheme}://10.0.0.1:{expected}", Texts(EndpointSlices.Merge([Ports()], new() { Service = "orders", Port = port, Scheme = scheme }, "o")).Single());

    [Theory]
    [InlineData(null, "http", "service orders has the TCP ports http (8080), 9090; name one of them as 'port'")]
    [InlineData("80", "http", "service orders has the TCP ports http (8080), 9090; '80' is none of them")]
    [InlineData("http", "udp", "service orders has the UDP ports dns (53); 'http' is none of them")]
    public void A_port_that_is_not_there_is_told(string? port, string scheme, string message)
        => Assert.Equal(message, Assert.Throws<DiscoveryException>(() => EndpointSlices.Merge([Ports()], new() { Service = "orders", Port = port, Scheme = scheme }, "o")).Message);

    [Fact]
    public void A_pod_finds_its_cluster_and_its_token_goes_nowhere_else()
    {
        var account = Directory.CreateTempSubdirectory("lakou-account-").FullName;
        File.WriteAllText(Path.Combine(account, "namespace"), "shop\n");
        var environment = new Dictionary<string, string> { ["KUBERNETES_SERVICE_HOST"] = "fd00::1", ["KUBERNETES_SERVICE_PORT"] = "6443" };
        Assert.Equal(
            new ApiAccess(new Uri("https://[fd00::1]:6443/"), account + "/token", account + "/ca.crt", "shop"),
            ApiAccess.Of(s_orders, environment.GetValueOrDefault, account));
        Assert.Equal(
            new ApiAccess(new Uri("https://other.test/"), null, null, "default"),
            ApiAccess.Of(s_orders with { Api = "https://other.test" }, environment.GetValueOrDefault, account));
        Assert.StartsWith("this is no pod of a cluster", Assert.Throws<DiscoveryException>(() => ApiAccess.Of(s_orders, _ => null, account)).Message, StringComparison.Ordinal);
        Directory.Delete(account, recursive: true);
    }

    private static EndpointSlice Ports() => Parse("""
        {"metadata":{"name":"a"},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}],
         "ports":[{"name":"http","port":8080,"protocol":"TCP"},{"name":"","port":9090},{"name":"dns","port":53,"protocol":"UDP"},{"name":"all"},null]}
        """);

    private static KubernetesSource Source(ScriptedApi api, ApiAccess? access = null) => new(s_orders, access ?? new(new Uri(api.Url), null, null, "shop"), TimeProvider.System);

    private static string[] Texts(IReadOnlyList<EndpointPlan> endpoints) => [.. endpoints.Select(endpoint => endpoint.Address.Text)];

    private static EndpointSlice Parse(string json) => System.Text.Json.JsonSerializer.Deserialize<EndpointSlice>(json, System.Text.Json.JsonSerializerOptions.Web)!;

    private static string Slice(string name, string version, params string[] addresses)
    {
        var endpoints = string.Join(',', addresses.Select(address => """{"addresses":["IP"],"conditions":{"ready":true}}""".Replace("IP", address, StringComparison.Ordinal)));
        return $$"""{"metadata":{"name":"{{name}}","resourceVersion":"{{version}}"},"addressType":"IPv4","ports":[{"name":"http","port":8080,"protocol":"TCP"}],"endpoints":[{{endpoints}}]}""";
    }

    private static string List(string version, string next, params string[] slices)
        => $$"""{"kind":"EndpointSliceList","metadata":{"resourceVersion":"{{version}}","continue":"{{next}}"},"items":[{{string.Join(',', slices)}}]}""";

    private static string Event(string type, string content) => $"{{\"type\":\"{type}\",\"object\":{content}}}\n";

    private static async Task WriteAsync(HttpContext context, string text)
    {
        await context.Response.WriteAsync(text);
        await context.Response.Body.FlushAsync();
    }
}
