using Lakou.Core.Faults;

namespace Lakou.Messaging.Http;

/// <summary>One thing that the API does: for the router, and for its description.</summary>
/// <param name="Id">Of the operation in the OpenAPI document.</param>
/// <param name="Pattern"><c>/v1/topics/{name}/events</c></param>
/// <param name="Operates">Changes or shows what is the operator's: not open on routes unless they say so.</param>
/// <param name="Status">Of the answer when all is well.</param>
/// <param name="Answer">What it holds; null for none.</param>
internal sealed record ApiVerb(
    string Id, string Method, string Pattern, bool Operates, string Summary, string Description, int Status, Type? Answer, Func<BackboneApi, ApiCall, Task<Fault?>> Serve)
{
    /// <summary><c>topics</c> or <c>subscriptions</c>.</summary>
    public string Noun { get; } = Pattern.Split('/')[2];

    /// <summary>What stands behind the name: <c>events</c>, <c>dead/redrive</c>; null when the path ends before.</summary>
    public string? Tail { get; } = Pattern.Split('/', 5) is [_, _, _, _, var tail] ? tail : null;

    /// <summary>Whether the path names one.</summary>
    public bool IsNamed { get; } = Pattern.Contains('{', StringComparison.Ordinal);
}

/// <summary>Which topics and subscriptions a route opens, and whether also to operators.</summary>
/// <param name="Topics">Their names; none for all.</param>
/// <param name="Subscriptions">Likewise.</param>
internal sealed record ApiScope(IReadOnlyList<string> Topics, IReadOnlyList<string> Subscriptions, bool Operates)
{
    public static readonly ApiScope All = new([], [], true);

    public bool Allows(ApiVerb verb, string name)
    {
        var names = verb.Noun == "topics" ? Topics : Subscriptions;
        return (Operates || !verb.Operates) && (names.Count == 0 || (verb.IsNamed ? names.Contains(name, StringComparer.Ordinal) : Operates));
    }
}

/// <summary>All that the API does.</summary>
internal static class ApiVerbs
{
    public static readonly IReadOnlyList<ApiVerb> All =
    [
        new("publishEvents", "POST", "/v1/topics/{name}/events", false, "Publish events", "One CloudEvent in binary or structured form, a batch, or plain data that gets its attributes here. Accepted whole or not at all, and on disk when this answers. `?in=10m` or `?at=2026-01-31T12:00:00Z` holds them until then.", 202, typeof(ReceiptView), static (api, call) => api.PublishAsync(call)),
        new("readEvents", "GET", "/v1/topics/{name}/events", false, "Read events of a topic", "In the order of each partition, from `?from=earliest`, `latest`, a time, or `?partition=0&offset=17`; `?max` and `?wait` as for receive. With `Accept: text/event-stream` it goes on for ever, and `Last-Event-ID` goes on where it ended.", 200, typeof(EventsView), static (api, call) => api.ReadTopicAsync(call)),
        new("listTopics", "GET", "/v1/topics", true, "Topics", "With their partitions, sizes and subscriptions.", 200, typeof(TopicsView), static (api, call) => api.ListTopicsAsync(call)),
        new("getTopic", "GET", "/v1/topics/{name}", true, "A topic", "Offsets and sizes of each partition.", 200, typeof(TopicView), static (api, call) => api.GetTopicAsync(call)),
        new("putTopic", "PUT", "/v1/topics/{name}", true, "Make or change a topic", "The body holds the options that the file has, as JSON; an empty one the defaults. The file's own topics are changed in the file.", 200, typeof(TopicView), static (api, call) => api.PutTopicAsync(call)),
        new("deleteTopic", "DELETE", "/v1/topics/{name}", true, "Delete a topic", "With all its events. Not while the file has it or a subscription reads it.", 204, null, static (api, call) => api.DeleteTopicAsync(call)),
        new("receiveEvents", "POST", "/v1/subscriptions/{name}/receive", false, "Receive events", "A queue: leases up to `max` events (1 to 1000, 1 when it is left out), and waits up to `wait` (at most 50s) until there is one. A log: the events behind what was committed.", 200, typeof(DeliveryView), static (api, call) => api.ReceiveAnyAsync(call)),
        new("acknowledgeEvents", "POST", "/v1/subscriptions/{name}/ack", false, "Acknowledge events", "They are finished, and never come again. `gone` names leases that ended before: another worker may have the event.", 200, typeof(SettlementView), static (api, call) => api.AcknowledgeAsync(call)),
        new("refuseEvents", "POST", "/v1/subscriptions/{name}/nack", false, "Give events back", "They come again after `delay`, or as the retry policy says; after the last attempt they are dead, with `reason`.", 200, typeof(SettlementView), static (api, call) => api.RefuseAsync(call)),
        new("extendLeases", "POST", "/v1/subscriptions/{name}/extend", false, "Keep leases", "For `by` from now on, or the subscription's `lease`.", 200, typeof(SettlementView), static (api, call) => api.ExtendAsync(call)),
        new("commitOffsets", "POST", "/v1/subscriptions/{name}/commit", false, "Commit offsets of a log", "`positions` as receive gives them: what is before them is done.", 200, typeof(PositionsView), static (api, call) => api.CommitAsync(call)),
        new("streamEvents", "GET", "/v1/subscriptions/{name}/stream", false, "Follow a log", "Server-sent events, from what was committed or `Last-Event-ID` on. Nothing is committed by reading.", 200, null, static (api, call) => api.StreamLogAsync(call)),
        new("listSubscriptions", "GET", "/v1/subscriptions", true, "Subscriptions", "With how far they are.", 200, typeof(SubscriptionsView), static (api, call) => api.ListSubscriptionsAsync(call)),
        new("getSubscription", "GET", "/v1/subscriptions/{name}", true, "A subscription", "How far it is.", 200, typeof(SubscriptionView), static (api, call) => api.GetSubscriptionAsync(call)),
        new("putSubscription", "PUT", "/v1/subscriptions/{name}", true, "Make or change a subscription", "The body holds the options that the file has, as JSON. The file's own subscriptions are changed in the file.", 200, typeof(SubscriptionView), static (api, call) => api.PutSubscriptionAsync(call)),
        new("deleteSubscription", "DELETE", "/v1/subscriptions/{name}", true, "Delete a subscription", "With how far it is and its dead events. Not while the file has it.", 204, null, static (api, call) => api.DeleteSubscriptionAsync(call)),
        new("seekSubscription", "POST", "/v1/subscriptions/{name}/seek", true, "Begin elsewhere", "`to`: `earliest`, `latest`, `{\"offset\":17}`, `{\"time\":\"…\"}`, or `positions` by partition. Leases end; dead events stay.", 200, typeof(PositionsView), static (api, call) => api.SeekAsync(call)),
        new("pauseSubscription", "POST", "/v1/subscriptions/{name}/pause", true, "Pause a subscription", "Nothing is given out until it is resumed; what is out may be finished. Holds over restarts.", 200, typeof(SubscriptionView), static (api, call) => api.PauseAsync(call, isPaused: true)),
        new("resumeSubscription", "POST", "/v1/subscriptions/{name}/resume", true, "Resume a subscription", "The pause of the file, if there is one, stays.", 200, typeof(SubscriptionView), static (api, call) => api.PauseAsync(call, isPaused: false)),
        new("listDead", "GET", "/v1/subscriptions/{name}/dead", true, "Dead events", "Oldest first, with the last attempts of each; `?max` (100) and `?after` the `place` of the last one for more.", 200, typeof(DeadView), static (api, call) => api.ListDeadAsync(call)),
        new("redriveDead", "POST", "/v1/subscriptions/{name}/dead/redrive", true, "Bring dead events back", "All, those that `filter` matches, or those of `places`; `to`: `front` (where they were) or `end`; `max` at most, so that a caller sets the pace. `left` says how many of those that match are still dead. With `rate` it answers at once and goes on by itself, one such redrive of a subscription at a time; `redrive` of the subscription shows how far it is.", 200, typeof(RedriveView), static (api, call) => api.RedriveAsync(call)),
        new("stopRedrive", "DELETE", "/v1/subscriptions/{name}/dead/redrive", true, "Stop a redrive", "One that was begun with `rate`: what it brought back stays, what is left stays dead.", 200, typeof(SubscriptionView), static (api, call) => api.StopRedriveAsync(call)),
        new("dropDead", "POST", "/v1/subscriptions/{name}/dead/drop", true, "Forget dead events", "Chosen as for redrive.", 200, typeof(RedriveView), static (api, call) => api.DropDeadAsync(call)),
        new("listAttempts", "GET", "/v1/subscriptions/{name}/attempts", true, "Events that failed and come again", "Those that wait or are out again, with their last attempts.", 200, typeof(DeadView), static (api, call) => api.ListAttemptsAsync(call)),
        new("getStore", "GET", "/v1/store", true, "The store", "Where it is, how much it holds, what is damaged.", 200, typeof(StoreView), static (api, call) => api.GetStoreAsync(call)),
    ];

    /// <summary>Finds what a path means, and does it.</summary>
    /// <param name="path">Decoded once, without dot segments.</param>
    /// <returns>The fault to answer with; null when it is answered.</returns>
    public static Task<Fault?> ServeAsync(BackboneApi api, string path, ApiScope scope, ApiCall call)
    {
        var context = call.Context;
        var parts = path.Split('/', 5);
        if (parts is not ["", "v1", var noun, ..])
        {
            return Task.FromResult<Fault?>(BackboneFaults.NoSuchPath.With($"{path} is nothing of the backbone; such as /v1/topics/orders/events"));
        }

        var (name, tail) = (parts.Length > 3 ? parts[3] : "", parts.Length > 4 ? parts[4] : null);
        List<string> methods = [];
        foreach (var verb in All)
        {
            if (verb.Noun == noun && verb.IsNamed == (name.Length > 0) && verb.Tail == tail && scope.Allows(verb, name))
            {
                if (verb.Method == context.Request.Method)
                {
                    return verb.Serve(api, call with { Name = name });
                }

                methods.Add(verb.Method);
            }
        }

        if (methods.Count == 0)
        {
            return Task.FromResult<Fault?>(BackboneFaults.NoSuchPath.With($"{path} is nothing that is open here"));
        }

        context.Response.Headers.Allow = string.Join(", ", methods);
        return Task.FromResult<Fault?>(BackboneFaults.NoSuchMethod.With($"{path} takes {string.Join(", ", methods)}"));
    }
}
