using Lakou.Core.Configuration;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Actions.Enqueue;

internal sealed record EnqueueOptions
{
    public static readonly string[] Methods = ["POST", "PUT", "PATCH"];

    public string Topic { get; init; } = "";

    public int Status { get; init; } = 202;

    public TimeSpan In { get; init; }

    public string? Type { get; init; }

    public string? Source { get; init; }

    private static readonly Shape<string> TopicShape = Shapes.Text(1, 63);

    public static Shape<EnqueueOptions> Shape { get; } = Shapes.Object("enqueue", "The request as an event of a topic, stored before it is answered.", () => new EnqueueOptions())
        .Required("topic", TopicShape, o => o.Topic, (o, v) => o with { Topic = v }, "One of `topics`.")
        .Field("status", Shapes.Integer().Where(status => status is 200 or 201 or 202 or 204, "200, 201, 202, or 204 without a body"), o => o.Status, (o, v) => o with { Status = v }, "Of the answer once the event is stored.")
        .Field("in", Shapes.Duration(TimeSpan.Zero, TimeSpan.FromDays(366)), o => o.In, (o, v) => o with { In = v }, "How long the event is held before a subscription sees it.")
        .Field("type", Shapes.Text(1, 256, "[!-~]+", "a type such as order.placed: visible ASCII"), o => o.Type, (o, v) => o with { Type = v }, "The `type` of an event whose sender gives none; without it `<topic>.event`.")
        .Field("source", Shapes.Text(1, 1024, "[!-~]+", "a URI reference such as /shop: visible ASCII"), o => o.Source, (o, v) => o with { Source = v }, "The `source` of an event whose sender gives none; without it `/topics/<topic>`.")
        .Or(TopicShape, topic => new EnqueueOptions { Topic = topic });

    /// <summary>What it means beside the rest of the file.</summary>
    /// <param name="route">Path of its route.</param>
    public void Check(RoutePattern pattern, string route, ConfigDocument document, Problems problems)
    {
        var topics = (document.Find("topics") as ConfigMap)?.Entries.Select(entry => entry.Name).ToArray() ?? [];
        if (!topics.Contains(Topic, StringComparer.Ordinal))
        {
            var at = document.Find($"{route}.enqueue") is ConfigMap ? $"{route}.enqueue.topic" : $"{route}.enqueue";
            problems.Add(at, $"unknown topic '{Topic}'{(topics.Length > 0 ? Nearest.Suggest(Topic, topics) : $"; add topics: {{ {Topic}: {{}} }}")}");
        }

        foreach (var method in pattern.Methods.Except(Methods))
        {
            problems.Add($"{route}.match.methods", $"'enqueue' takes {string.Join(", ", Methods)}; drop '{method}', or give it a route of its own");
        }
    }
}
