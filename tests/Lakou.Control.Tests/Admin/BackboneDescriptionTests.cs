using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;
using Lakou.Messaging.Http;

namespace Lakou.Control.Tests.Admin;

/// <summary>What machines are told of the backbone: OpenAPI of its verbs, AsyncAPI of its topics.</summary>
public sealed class BackboneDescriptionTests
{
    private const string Backbone = """
        admin: { address: "127.0.0.1:0" }
        topics: { orders: { partitions: 2, retention: 1d }, clicks: {} }
        subscriptions:
          billing: { topic: orders, order: key }
          search: { topic: clicks, mode: log }
        """;

    public static TheoryData<string> Verbs => [.. ApiVerbs.All.Select(verb => verb.Id)];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task A_verb_says_what_it_takes(string id)
    {
        await using var world = await World.StartAsync(Backbone);
        var verb = ApiVerbs.All.Single(verb => verb.Id == id);

        var operation = (await world.GetAsync("/v1/openapi.json"))["paths"]![verb.Pattern]![verb.Method.ToLowerInvariant()]!;

        Assert.Equal(id, (string?)operation["operationId"]);
        var parameters = operation["parameters"]?.AsArray() ?? [];
        Assert.Equal(verb.IsNamed, parameters.Any(parameter => (string?)parameter!["in"] == "path"));
        Assert.All(parameters, parameter => Assert.NotEmpty((string?)parameter!["description"] ?? ""));
        Assert.Equal(ApiInput.Of(verb).Query.Select(query => query.Name), parameters.Where(parameter => (string?)parameter!["in"] == "query").Select(parameter => (string?)parameter!["name"]));

        // What is sent has a body that is described, with an example; but for those whose path says it all.
        var isSent = verb.Method is "PUT" or "POST" && verb.Tail is not ("pause" or "resume");
        var bodies = operation["requestBody"]?["content"]?.AsObject() ?? [];
        Assert.Equal(isSent, bodies.Count > 0);
        Assert.All(bodies, body =>
        {
            Assert.NotNull(body.Value!["schema"]);
            Assert.NotNull(body.Value["example"]);
        });
    }

    [Theory]
    [InlineData("putTopic", "/v1/topics/made")]
    [InlineData("putSubscription", "/v1/subscriptions/made")]
    [InlineData("receiveEvents", "/v1/subscriptions/billing/receive")]
    [InlineData("acknowledgeEvents", "/v1/subscriptions/billing/ack")]
    [InlineData("refuseEvents", "/v1/subscriptions/billing/nack")]
    [InlineData("extendLeases", "/v1/subscriptions/billing/extend")]
    [InlineData("seekSubscription", "/v1/subscriptions/billing/seek")]
    [InlineData("redriveDead", "/v1/subscriptions/billing/dead/redrive")]
    [InlineData("dropDead", "/v1/subscriptions/billing/dead/drop")]
    [InlineData("publishEvents", "/v1/topics/orders/events")]
    public async Task An_example_is_taken(string id, string path)
    {
        await using var world = await World.StartAsync(Backbone);
        var verb = ApiVerbs.All.Single(verb => verb.Id == id);

        foreach (var body in ApiInput.Of(verb).Bodies.Where(body => body.ContentType != "*/*"))
        {
            using var request = new HttpRequestMessage(HttpMethod.Parse(verb.Method), path) { Content = new StringContent(body.Example, Encoding.UTF8, new System.Net.Http.Headers.MediaTypeHeaderValue(body.ContentType)) };
            var answer = await world.Admin.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True((int)answer.StatusCode == verb.Status, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Topics_are_channels_and_subscriptions_operations_of_AsyncAPI()
    {
        await using var world = await World.StartAsync(Backbone);

        var document = await world.GetAsync("/v1/asyncapi.json");

        Assert.Equal("3.0.0", (string?)document["asyncapi"]);
        Assert.Equal(world.Admin.BaseAddress!.Authority, (string?)document["servers"]!["admin"]!["host"]);
        Assert.Equal(["clicks", "orders"], Keys(document["channels"]));
        Assert.Equal("/v1/topics/orders/events", (string?)document["channels"]!["orders"]!["address"]);
        Assert.Equal(
            [("publish-clicks", "receive", "clicks"), ("publish-orders", "receive", "orders"), ("read-search", "send", "clicks"), ("receive-billing", "send", "orders")],
            document["operations"]!.AsObject().Select(one => (one.Key, (string)one.Value!["action"]!, ((string)one.Value["channel"]!["$ref"]!).Split('/')[^1])).Order());
    }

    [Fact]
    public async Task Every_reference_of_AsyncAPI_leads_somewhere_and_every_object_has_what_the_standard_requires()
    {
        await using var world = await World.StartAsync(Backbone);

        var document = await world.GetAsync("/v1/asyncapi.json");

        Assert.All(References(document), reference => Assert.NotNull(reference.Split('/').Skip(1).Aggregate((JsonNode?)document, (node, key) => node?[key])));
        Assert.All((string[])["title", "version"], key => Assert.NotNull(document["info"]![key]));
        Assert.All(document["servers"]!.AsObject(), server => Assert.All((string[])["host", "protocol"], key => Assert.NotNull(server.Value![key])));
        Assert.All(document["operations"]!.AsObject(), operation => Assert.All((string[])["action", "channel"], key => Assert.NotNull(operation.Value![key])));

        // An operation's messages are among its channel's, as references through the channel.
        Assert.All(document["operations"]!.AsObject(), operation =>
            Assert.StartsWith($"{operation.Value!["channel"]!["$ref"]}/messages/", (string?)operation.Value["messages"]![0]!["$ref"], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Routes_that_open_the_backbone_are_named_in_AsyncAPI()
    {
        await using var world = await World.StartAsync(Backbone + """

            listeners: { web: { address: "127.0.0.1:0" } }
            routes:
              events: { match: { host: events.example.org, path: "/v1/**" }, backbone: {} }
              other: { match: { path: /other }, respond: {} }
            """);

        Assert.EndsWith("under the gateway's own addresses: `events` (events.example.org/v1/**).", (string?)(await world.GetAsync("/v1/asyncapi.json"))["info"]!["description"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_backbone_AsyncAPI_has_no_channels()
    {
        await using var world = await World.StartAsync(World.Hello);

        Assert.Empty(Keys((await world.GetAsync("/v1/asyncapi.json"))["channels"]));
        Assert.Equal(HttpStatusCode.NotFound, (await world.Admin.GetAsync("/v1/topics", TestContext.Current.CancellationToken)).StatusCode);
    }

    private static IEnumerable<string> Keys(JsonNode? node) => node!.AsObject().Select(one => one.Key).Order(StringComparer.Ordinal);

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject one when one["$ref"] is { } reference => [(string)reference!],
        JsonObject one => one.SelectMany(property => References(property.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
