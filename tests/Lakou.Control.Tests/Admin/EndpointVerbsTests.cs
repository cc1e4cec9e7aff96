using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;

namespace Lakou.Control.Tests.Admin;

/// <summary>Endpoints by hand.</summary>
public sealed class EndpointVerbsTests
{
    private const string First = "http://127.0.0.1:9";
    private const string Second = "http://127.0.0.1:19";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_endpoint_is_drained_disabled_and_enabled()
    {
        await using var world = await World.StartAsync(Yaml());
        var enabled = (string?)(await EndpointAsync(world, Second))["since"];
        foreach (var (verb, state) in new[] { ("drain", "draining"), ("disable", "disabled") })
        {
            var answer = await PostAsync(world, $"orders/{verb}?endpoint={Second}");
            Assert.Equal((state, "by hand"), ((string?)answer["state"], (string?)answer["reason"]));
            Assert.NotEqual(enabled, (string?)answer["since"]);
            Assert.Equal(answer.ToJsonString(), (await EndpointAsync(world, Second)).ToJsonString());
        }

        Assert.Equal("healthy", (string?)(await EndpointAsync(world, First))["state"]);
        var back = await PostAsync(world, $"orders/enable?endpoint={Second}");
        Assert.Equal(("healthy", null), ((string?)back["state"], (string?)back["reason"]));
        Assert.Contains(world.Log.All, line => line == $"Upstream orders: {Second} is disabled by hand. 1 of 2 endpoints are healthy");
    }

    [Fact]
    public async Task What_was_set_by_hand_holds_over_reloads_as_long_as_the_endpoint_stays()
    {
        await using var world = await World.StartAsync(Yaml());
        await PostAsync(world, $"orders/drain?endpoint={First}");
        await PostAsync(world, $"orders/weight?endpoint={Second}&weight=7");
        Assert.True((await world.LoadAsync(Yaml(", timeouts: { connect: 1s }"))).Applied);
        Assert.Equal("draining", (string?)(await EndpointAsync(world, First))["state"]);
        Assert.Equal((7, true), ((int)(await EndpointAsync(world, Second))["weight"]!, (bool)(await EndpointAsync(world, Second))["weightByHand"]!));

        Assert.True((await world.LoadAsync(World.Hello)).Applied);
        Assert.True((await world.LoadAsync(Yaml())).Applied);
        Assert.Equal("healthy", (string?)(await EndpointAsync(world, First))["state"]);
        Assert.Equal(3, (int)(await EndpointAsync(world, Second))["weight"]!);
    }

    [Fact]
    public async Task A_weight_goes_back_to_that_of_the_file()
    {
        await using var world = await World.StartAsync(Yaml());
        Assert.Equal(9, (int)(await PostAsync(world, $"orders/weight?endpoint={Second}&weight=9"))["weight"]!);
        var back = await PostAsync(world, $"orders/weight?endpoint={Second}");
        Assert.Equal((3, false), ((int)back["weight"]!, (bool)back["weightByHand"]!));
    }

    [Theory]
    [InlineData("ordes/drain?endpoint=http://127.0.0.1:9", 404, "admin/no-such-upstream", "unknown upstream 'ordes'; did you mean 'orders'?")]
    [InlineData("orders/drain?endpoint=http://127.0.0.1:8", 404, "admin/no-such-endpoint", "unknown endpoint 'http://127.0.0.1:8' of upstream 'orders'; did you mean 'http://127.0.0.1:9'?")]
    [InlineData("orders/drain", 400, "admin/bad-request", "")]
    [InlineData("orders/weight?endpoint=http://127.0.0.1:9&weight=0", 400, "admin/bad-request", "0 is not a weight; 1 to 1000. For no traffic at all drain the endpoint.")]
    [InlineData("orders/weight?endpoint=http://127.0.0.1:9&weight=many", 400, "admin/bad-request", "")]
    [InlineData("orders/kill?endpoint=http://127.0.0.1:9", 404, "admin/not-found", "")]
    public async Task What_cannot_be_done_is_a_problem(string path, int status, string fault, string detail)
    {
        await using var world = await World.StartAsync(Yaml());
        var response = await world.Admin.PostAsync("/v1/upstreams/" + path, null, Cancel);
        var problem = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal((status, fault), ((int)response.StatusCode, (string?)problem["fault"]));
        Assert.Contains(detail, (string?)problem["detail"], StringComparison.Ordinal);
        Assert.Equal("healthy", (string?)(await EndpointAsync(world, First))["state"]);
    }

    private static string Yaml(string more = "") => $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { orders: { endpoints: [ "{{First}}", { url: "{{Second}}", weight: 3 } ]{{more}} } }
        routes: { all: { match: { path: "/**" }, to: orders } }
        admin: { address: "127.0.0.1:0" }
        """;

    private static async Task<JsonNode> PostAsync(World world, string path)
    {
        var response = await world.Admin.PostAsync("/v1/upstreams/" + path, null, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
    }

    private static async Task<JsonNode> EndpointAsync(World world, string address)
        => (await world.GetAsync("/v1/upstreams"))["upstreams"]![0]!["endpoints"]!.AsArray().Single(one => (string?)one!["address"] == address)!;
}
