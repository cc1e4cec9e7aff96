using Lakou.Core.Tests.Metrics;
using System.Text;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;
using Lakou.Messaging.Http;

namespace Lakou.Control.Tests.Admin;

public sealed class AdminApiTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/healthz", "up")]
    [InlineData("/readyz", "ready")]
    public async Task A_running_Lakou_is_up_and_ready(string path, string status)
    {
        await using var world = await World.StartAsync(World.Hello);
        Assert.Equal(status, (string?)(await world.GetAsync(path))["status"]);
    }

    [Fact]
    public async Task The_configuration_is_shown_as_written_without_secrets()
    {
        await using var world = await World.StartAsync("""
            listeners: { web: { address: "127.0.0.1:0" } }
            routes:
              hello: { match: { path: /hello }, respond: { body: "${env:GREETING}" } }
            admin: { address: "127.0.0.1:0", token: "${env:TOKEN}" }
            """, environment: name => name == "TOKEN" ? "correct-horse-battery" : "good morning");
        world.Admin.DefaultRequestHeaders.Authorization = new("Bearer", "correct-horse-battery");
        var config = await world.GetAsync("/v1/config");
        Assert.Equal("current", (string?)config["status"]);
        Assert.Equal(1, (int)config["version"]!);
        Assert.Equal("start", (string?)config["trigger"]);
        Assert.Equal(world.File, (string?)config["file"]);
        Assert.Equal("${env:GREETING}", (string?)config["options"]!["routes"]!["hello"]!["respond"]!["body"]);
        Assert.Equal("***", (string?)config["options"]!["admin"]!["token"]);
        Assert.DoesNotContain("battery", config.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("good morning", config.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_upstreams_and_listeners_are_shown_live()
    {
        await using var world = await World.StartAsync("""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { orders: { endpoints: [ "http://127.0.0.1:9", { url: "http://127.0.0.1:19", weight: 3 } ], balance: least-requests, sticky: { cookie: lakou } } }
            filters: { request-id: {} }
            routes:
              orders: { match: { path: "/orders/**", headers: { x-key: secret } }, filters: { timeout: { total: 3s }, strip-prefix: /orders }, to: orders }
            admin: { address: "127.0.0.1:0" }
            """);
        var route = (await world.GetAsync("/v1/routes"))["routes"]![0]!;
        Assert.Equal("orders", (string?)route["name"]);
        Assert.Equal("forward", (string?)route["action"]);
        Assert.Equal("x-key", (string?)route["match"]!["headers"]![0]);
        Assert.DoesNotContain("secret", route.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(["request-id", "strip-prefix", "timeout"], route["filters"]!.AsArray().Select(filter => (string?)filter!["name"]));
        var upstream = (await world.GetAsync("/v1/upstreams"))["upstreams"]![0]!;
        Assert.Equal(("least-requests", "lakou"), ((string?)upstream["balance"], (string?)upstream["sticky"]));
        var endpoint = upstream["endpoints"]![1]!;
        Assert.Equal(
            $$"""{"address":"http://127.0.0.1:19","weight":3,"weightByHand":false,"tier":0,"state":"healthy","since":{{endpoint["since"]!.ToJsonString()}},"inFlight":0,"openConnections":0,"idleConnections":0}""",
            endpoint.ToJsonString());
        var listener = (await world.GetAsync("/v1/listeners"))["listeners"]![0]!;
        Assert.Equal(world.Host.EndPointOf("web").ToString(), (string?)listener["bound"]);
        Assert.Equal("127.0.0.1:0", (string?)listener["address"]);
    }

    [Fact]
    public async Task A_text_is_compared_with_what_runs_and_not_applied()
    {
        await using var world = await World.StartAsync(World.Hello);
        var response = await world.Admin.PostAsync("/v1/config/diff", new StringContent(World.Hello + """

            upstreams: { orders: { endpoints: [ "http://127.0.0.1:9" ] } }
            """), Cancel);
        var diff = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal("""{"added":["orders"],"removed":[],"changed":[]}""", diff["upstreams"]!.ToJsonString());
        Assert.Equal("+ upstream orders", (string?)diff["lines"]![0]);
        Assert.Empty(world.Host.Gateway.Upstreams);
    }

    [Fact]
    public async Task A_text_with_problems_is_answered_with_all_of_them()
    {
        await using var world = await World.StartAsync(World.Hello);
        var response = await world.Admin.PostAsync("/v1/config/diff", new StringContent("listners: {}\ndrain: soon\n"), Cancel);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal("config/invalid", (string?)problem["fault"]);
        Assert.Equal([1, 2], problem["problems"]!.AsArray().Select(one => (int)one!["line"]!));
    }

    [Fact]
    public async Task A_text_beyond_4_MiB_is_413()
    {
        await using var world = await World.StartAsync(World.Hello);
        using var body = new ByteArrayContent(new byte[(4 << 20) + 1]);
        var response = await world.Admin.PostAsync("/v1/config/diff", body, Cancel);
        Assert.Equal("admin/too-large", await FaultOf(response, 413));
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", 404, "admin/not-found")]
    [InlineData("DELETE", "/v1/config", 405, "admin/method-not-allowed")]
    [InlineData("GET", "/v1/explain", 400, "admin/bad-request")]
    [InlineData("GET", "/v1/explain?url=nonsense", 400, "admin/bad-request")]
    public async Task Every_error_is_a_problem_document(string method, string path, int status, string fault)
    {
        await using var world = await World.StartAsync(World.Hello);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        Assert.Equal(fault, await FaultOf(await world.Admin.SendAsync(request, Cancel), status));
    }

    [Fact]
    public async Task A_request_is_explained()
    {
        await using var world = await World.StartAsync(World.Hello);
        var explained = await world.GetAsync($"/v1/explain?url=http://example.org/hello");
        Assert.Equal("hello", (string?)explained["route"]);
        Assert.Equal("respond 200", (string?)explained["action"]);
    }

    [Fact]
    public async Task The_description_names_every_operation()
    {
        await using var world = await World.StartAsync(World.Hello);
        var document = await world.GetAsync("/v1/openapi.json");
        string[] own =
            ["/healthz", "/metrics", "/readyz", "/v1/asyncapi.json", "/v1/config", "/v1/config/diff", "/v1/config/reload", "/v1/explain", "/v1/listeners", "/v1/routes", "/v1/upstreams",
                "/v1/upstreams/{upstream}/disable", "/v1/upstreams/{upstream}/drain", "/v1/upstreams/{upstream}/enable", "/v1/upstreams/{upstream}/weight"];
        Assert.Equal(
            own.Union(ApiVerbs.All.Select(verb => verb.Pattern)).Order(StringComparer.Ordinal),
            document["paths"]!.AsObject().Select(path => path.Key).Order(StringComparer.Ordinal));
        Assert.All(document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()), operation =>
        {
            Assert.NotNull(operation.Value!["operationId"]);
            Assert.NotNull(operation.Value["summary"]);
            Assert.Contains(operation.Value["responses"]!.AsObject(), response => response.Key.StartsWith('2'));
            Assert.NotNull(operation.Value["responses"]!["403"]);
        });
    }

    [Fact]
    public async Task Promtool_accepts_the_metrics_of_a_Lakou_with_traffic()
    {
        await using var world = await World.StartAsync(World.Hello);
        Assert.Equal("hello\n", await world.Client().GetStringAsync("/hello", Cancel));
        await world.Host.ReloadAsync("signal");
        var response = await world.Admin.GetAsync("/metrics", Cancel);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var text = await response.Content.ReadAsStringAsync(Cancel);
        Assert.Contains("lakou_config_last_reload_successful 1\n", text, StringComparison.Ordinal);
        Assert.Contains("lakou_config_reloads_total{result=\"success\"} 1\n", text, StringComparison.Ordinal);
        await Promtool.Accepts(Encoding.UTF8.GetBytes(text));
    }

    [Fact]
    public async Task The_admin_api_answers_on_a_Unix_socket()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lakou-{Guid.NewGuid():n}.sock");
        await using var world = await World.StartAsync(World.Hello.Replace("admin: { address: \"127.0.0.1:0\" }", $"admin: {{ address: \"unix:{path}\" }}", StringComparison.Ordinal));
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        Assert.Equal("{\"status\":\"ready\"}", await client.GetStringAsync("http://localhost/readyz", Cancel));
        await world.Host.StopAsync(Cancel);
        Assert.False(File.Exists(path));
    }

    internal static async Task<string?> FaultOf(HttpResponseMessage response, int status)
    {
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal(status, (int)problem["status"]!);
        return (string?)problem["fault"];
    }
}
