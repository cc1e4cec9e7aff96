using System.Text.Json.Nodes;
using Lakou.Core.Configuration;
using Lakou.Gateway.Routing;
using Lakou.Messaging;
using Lakou.Messaging.Http;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Control.Admin;

/// <summary>
/// Topics and subscriptions that run, as an AsyncAPI 3.0 document: topics are channels; publishing to one is an operation in which Lakou receives, a subscription one in
/// which it sends. All messages are CloudEvents.
/// </summary>
internal static class AsyncApiDocument
{
    private const string Version = "3.0.0";
    private const string EventType = "application/cloudevents+json";
    private const string HttpBinding = "0.3.0";

    /// <param name="backbone">Null when there is none: no channels.</param>
    /// <param name="host">Where the document was asked for.</param>
    /// <param name="routes">Of the gateway.</param>
    public static JsonObject Of(Backbone? backbone, string host, IEnumerable<RoutePlan> routes)
    {
        var channels = new JsonObject();
        var operations = new JsonObject();
        foreach (var topic in backbone?.Topics() ?? [])
        {
            var name = topic.State.Name;
            channels[name] = Channel(name, topic);
            operations[$"publish-{name}"] = Operation(
                "receive", name, $"Publish to {name}", $"POST /v1/topics/{name}/events. When it is answered with 202, the event is on disk.");
        }

        foreach (var name in backbone?.Subscriptions() ?? [])
        {
            if (backbone!.FindQueue(name, out var queue) is null)
            {
                operations[$"receive-{name}"] = Operation(
                    "send", queue.Topic.State.Name, $"Receive from {name}",
                    $"POST /v1/subscriptions/{name}/receive leases events, `ack` finishes and `nack` refuses them. Each comes at least once{(queue.Plan.Order == SubscriptionOrder.Key ? ", in the order of its key" : "")}.");
            }
            else if (backbone.FindLog(name, out var log) is null)
            {
                operations[$"read-{name}"] = Operation(
                    "send", log.Topic.State.Name, $"Read {name}",
                    $"POST /v1/subscriptions/{name}/receive reads on from what was committed, in the order of each partition; GET /v1/subscriptions/{name}/stream follows.");
            }
        }

        return new()
        {
            ["asyncapi"] = Version,
            ["info"] = new JsonObject
            {
                ["title"] = "Lakou backbone",
                ["version"] = LakouHost.Version,
                ["description"] = "Topics and subscriptions of a running Lakou. GET /v1/openapi.json describes its HTTP interface in full." + OpenOn(routes),
            },
            ["defaultContentType"] = EventType,
            ["servers"] = new JsonObject
            {
                ["admin"] = new JsonObject
                {
                    ["host"] = host,
                    ["protocol"] = "http",
                    ["description"] = "The admin listener that gave this document.",
                    ["security"] = new JsonArray(Reference("#/components/securitySchemes/token")),
                },
            },
            ["channels"] = channels,
            ["operations"] = operations,
            ["components"] = new JsonObject
            {
                ["messages"] = new JsonObject { ["event"] = Message() },
                ["securitySchemes"] = new JsonObject
                {
                    ["token"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "The value of admin.token, when one is set." },
                },
            },
        };
    }

    /// <summary>Routes are no servers of the document: a gateway does not know the names by which clients reach it.</summary>
    private static string OpenOn(IEnumerable<RoutePlan> routes)
    {
        string[] open = [.. routes.Where(route => route.Backbone is not null).Select(route => $"`{route.Name}` ({route.Match.Host}{route.Match.Path})")];
        return open.Length == 0 ? ""
            : $" Besides the server below, these routes of the gateway open it, all or what they name, under the gateway's own addresses: {string.Join(", ", open)}.";
    }

    private static JsonObject Channel(string name, TopicRuntime topic) => new()
    {
        ["address"] = $"/v1/topics/{name}/events",
        ["title"] = name,
        ["description"] = $"{topic.State.Partitions.Length} partitions by {topic.Plan.Key}; events are kept {Durations.Format(topic.Plan.Retention)}.",
        ["servers"] = new JsonArray(Reference("#/servers/admin")),
        ["messages"] = new JsonObject { ["event"] = Reference("#/components/messages/event") },
    };

    private static JsonObject Operation(string action, string topic, string title, string description) => new()
    {
        ["action"] = action,
        ["channel"] = Reference($"#/channels/{topic}"),
        ["title"] = title,
        ["description"] = description,
        ["messages"] = new JsonArray(Reference($"#/channels/{topic}/messages/event")),
        ["bindings"] = new JsonObject { ["http"] = new JsonObject { ["method"] = "POST", ["bindingVersion"] = HttpBinding } },
    };

    private static JsonObject Message() => new()
    {
        ["name"] = "event",
        ["title"] = "A CloudEvent",
        ["contentType"] = EventType,
        ["payload"] = ApiInput.EventSchema(),
        ["examples"] = new JsonArray(new JsonObject { ["payload"] = ApiInput.EventExample() }),
    };

    private static JsonObject Reference(string to) => new() { ["$ref"] = to };
}
