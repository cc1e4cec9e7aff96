using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Limits;

/// <summary>How much an upstream is given at a time, and how much waits.</summary>
internal sealed record LimitOptions
{
    public int? Requests { get; init; }

    public int? Connections { get; init; }

    public int Queue { get; init; } = 256;

    public TimeSpan QueueFor { get; init; } = TimeSpan.FromSeconds(1);

    public static Shape<LimitOptions> Shape { get; } = Shapes.Object("upstream-limits", "How much an upstream is given at a time, and how much waits for a place.", () => new LimitOptions())
        .Field("requests", Shapes.Integer(1, 1_000_000), o => o.Requests, (o, v) => o with { Requests = v }, "Requests at a time, upgraded connections among them; without it, any number.")
        .Field("connections", Shapes.Integer(1, 1_000_000), o => o.Connections, (o, v) => o with { Connections = v }, "Connections open at a time, idle ones among them. With HTTP/1.1 each request has one; of layer 4, each client.")
        .Field("queue", Shapes.Integer(0, 100_000), o => o.Queue, (o, v) => o with { Queue = v }, "How many may wait for a place; routes take turns. More are answered 503 `upstream/queue-full` at once.")
        .Field("queue-for", Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5)), o => o.QueueFor, (o, v) => o with { QueueFor = v }, "How long each may wait. Passing it is 503 `upstream/queue-timeout`.");

    public static void Check(string upstream, LimitOptions? limits, string scheme, Problems problems)
    {
        var path = $"upstreams.{upstream}.limits";
        if (limits is { Requests: null, Connections: null })
        {
            problems.Add(path, "nothing is limited; write 'requests', 'connections' or both");
        }
        else if (limits is not null && scheme == "udp")
        {
            problems.Add(path, "udp has neither connections nor requests; limit the sessions of its listener with 'limits.connections'");
        }
        else if (limits is { Requests: not null } && scheme == "tcp")
        {
            problems.Add($"{path}.requests", "tcp knows no requests; write 'connections'");
        }
    }
}
