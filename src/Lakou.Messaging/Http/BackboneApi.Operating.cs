using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Http;

/// <summary>What operators ask for.</summary>
internal sealed partial class BackboneApi
{
    private const int DeadPage = 100;

    private static readonly JsonSerializerOptions s_views = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public Task<Fault?> ListTopicsAsync(ApiCall call) => AnswerAsync(call, new TopicsView([.. backbone.Topics().Select(ViewOf)]));

    public async Task<Fault?> GetTopicAsync(ApiCall call)
        => backbone.FindTopic(call.Name, out var topic) ?? await AnswerAsync(call, ViewOf(topic));

    public async Task<Fault?> PutTopicAsync(ApiCall call)
    {
        var (options, fault) = await ReadTextAsync(call);
        return fault ?? await backbone.PutTopicAsync(call.Name, options, call.Left) ?? await GetTopicAsync(call);
    }

    public async Task<Fault?> DeleteTopicAsync(ApiCall call)
        => await backbone.DeleteTopicAsync(call.Name, call.Left) ?? Nothing(call);

    public Task<Fault?> ListSubscriptionsAsync(ApiCall call) => AnswerAsync(call, new SubscriptionsView([.. backbone.Subscriptions().Select(name => ViewOfSubscription(name)!)]));

    public async Task<Fault?> GetSubscriptionAsync(ApiCall call)
        => ViewOfSubscription(call.Name) is { } view ? await AnswerAsync(call, view) : backbone.FindQueue(call.Name, out _);

    public async Task<Fault?> PutSubscriptionAsync(ApiCall call)
    {
        var (options, fault) = await ReadTextAsync(call);
        return fault ?? await backbone.PutSubscriptionAsync(call.Name, options, call.Left) ?? await GetSubscriptionAsync(call);
    }

    public async Task<Fault?> DeleteSubscriptionAsync(ApiCall call)
        => await backbone.DeleteSubscriptionAsync(call.Name, call.Left) ?? Nothing(call);

    public async Task<Fault?> PauseAsync(ApiCall call, bool isPaused)
    {
        if (backbone.FindQueue(call.Name, out var queue) is null)
        {
            return await backbone.ChangeAsync(() => queue.Pause(isPaused), call.Left) ?? await GetSubscriptionAsync(call);
        }

        return backbone.FindLog(call.Name, out var log) is { } fault ? fault
            : await backbone.ChangeAsync(() => log.Pause(isPaused), call.Left) ?? await GetSubscriptionAsync(call);
    }

    public async Task<Fault?> ListDeadAsync(ApiCall call)
    {
        var (max, after, fault) = PageOf(call.Context.Request.Query);
        fault ??= backbone.FindQueue(call.Name, out _);
        if (fault is not null)
        {
            return fault;
        }

        backbone.FindQueue(call.Name, out var queue);
        return await AnswerAsync(call, EntriesOf(queue, queue.State.Queue.Dead, max, after, static _ => true));
    }

    public async Task<Fault?> ListAttemptsAsync(ApiCall call)
    {
        var (max, after, fault) = PageOf(call.Context.Request.Query);
        fault ??= backbone.FindQueue(call.Name, out _);
        if (fault is not null)
        {
            return fault;
        }

        backbone.FindQueue(call.Name, out var queue);
        return await AnswerAsync(call, EntriesOf(queue, queue.State.Queue.Live, max, after, static entry => entry.History.Count > 0));
    }

    public Task<Fault?> RedriveAsync(ApiCall call) => ChangeDeadAsync(call, isRedrive: true);

    public async Task<Fault?> StopRedriveAsync(ApiCall call)
    {
        if (backbone.FindQueue(call.Name, out var queue) is { } fault)
        {
            return fault;
        }

        lock (backbone.Store.Gate)
        {
            queue.LastRedrive?.IsStopped = true;
        }

        return await GetSubscriptionAsync(call);
    }

    public Task<Fault?> DropDeadAsync(ApiCall call) => ChangeDeadAsync(call, isRedrive: false);

    public Task<Fault?> GetStoreAsync(ApiCall call) => AnswerAsync(call, backbone.StoreView());

    private static Fault? Nothing(ApiCall call)
    {
        call.Context.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    }

    private static async Task<Fault?> AnswerAsync<T>(ApiCall call, T view)
    {
        await ApiJson.AnswerAsync(call, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(view, s_views));
        return null;
    }

    private static async ValueTask<(string Text, Fault? Fault)> ReadTextAsync(ApiCall call)
    {
        var (body, fault) = await RequestBody.ReadAsync(call, MostBodyBytes);
        using (body)
        {
            try
            {
                return (fault is null ? new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(body.Bytes) : "", fault);
            }
            catch (DecoderFallbackException)
            {
                return ("", BackboneFaults.BadRequest.With("the body is not UTF-8"));
            }
        }
    }

    private static (int Max, EventPlace? After, Fault? Fault) PageOf(IQueryCollection query)
    {
        var (max, after) = (query["max"].ToString(), query["after"].ToString());
        var count = DeadPage;
        if (max.Length > 0 && (!int.TryParse(max, NumberStyles.None, CultureInfo.InvariantCulture, out count) || count is < 1 or > Backbone.ReceiveMost))
        {
            return (0, null, BackboneFaults.BadRequest.With($"max: '{max}' is not allowed; 1 to {Backbone.ReceiveMost}"));
        }

        EventPlace place = default;
        return after.Length > 0 && !EventPlace.TryParse(after, out place)
            ? (0, null, BackboneFaults.BadRequest.With($"after: '{after}' is not a place such as 3-17"))
            : (count, after.Length > 0 ? place : null, null);
    }

    /// <summary><c>{"filter": {"type": "order.*"}, "places": ["3-17"], "max": 100, "rate": 50, "to": "front"}</c></summary>
    private async Task<Fault?> ChangeDeadAsync(ApiCall call, bool isRedrive)
    {
        var fault = backbone.FindQueue(call.Name, out var queue);
        var (text, malformed) = await ReadTextAsync(call);
        fault ??= malformed;
        DeadRequest request = new();
        fault ??= DeadRequest.Read(text, isRedrive, out request);
        if (fault is not null)
        {
            return fault;
        }

        // Chosen once, and outside the gate; what is still dead is looked at when it is its turn.
        var choice = request.Selection.Of(backbone.Store, queue);
        if (request.Rate is { } rate)
        {
            var job = new RedriveJob(choice, rate, request.ToEnd, backbone.Store.Now);
            fault = await backbone.ChangeAsync(() => queue.LastRedrive = job, call.Left);
            return fault ?? await AnswerAsync(call, new RedriveView(0, choice.Left, UnixTime.FromMicroseconds(job.Began)));
        }

        var done = 0;
        while (fault is null && done < request.Max && choice.Left > 0)
        {
            fault = await backbone.ChangeAsync(
                () =>
                {
                    var entries = choice.Take(Math.Min(DeadChoice.StepMost, request.Max - done));
                    done += entries.Count;
                    if (isRedrive)
                    {
                        queue.Redrive(entries, request.ToEnd);
                    }
                    else
                    {
                        queue.Drop(entries);
                    }
                },
                call.Left,
                DeadChoice.StepMost * DeadChoice.EntryBytes);
        }

        return fault ?? await AnswerAsync(call, new RedriveView(done, choice.Left, null));
    }

    private DeadView EntriesOf(QueueRuntime queue, IReadOnlyDictionary<EventPlace, QueueEntry> entries, int max, EventPlace? after, Func<QueueEntry, bool> isMeant)
    {
        // What to show is chosen under the gate; events are read outside.
        QueueEntry[] chosen;
        int total;
        lock (backbone.Store.Gate)
        {
            QueueEntry[] all = [.. entries.Values.Where(isMeant).OrderBy(entry => entry.Due).ThenBy(entry => entry.Place.Value)];
            total = all.Length;
            var from = after is { } place ? Array.FindIndex(all, entry => entry.Place == place) + 1 : 0;
            chosen = [.. all.Skip(from).Take(max)];
        }

        return new(total, [.. chosen.Select(entry => ViewOf(queue, entry))]);
    }

    private DeadEventView ViewOf(QueueRuntime queue, QueueEntry entry) => new(
        entry.Place.ToString(),
        entry.State.ToString().ToLowerInvariant(),
        UnixTime.FromMicroseconds(entry.Due),
        entry.Attempts,
        [.. entry.History.ToArray().Select(AttemptView.Of)],
        EventOf(queue, entry.Place));

    private JsonElement? EventOf(QueueRuntime queue, EventPlace place)
    {
        if (!backbone.Store.Files.TryGet(queue.State.Topic.Id, place.Partition, out var log))
        {
            return null;
        }

        using var block = log.Read(place.Offset, 1, 1);
        if (block.Count == 0)
        {
            return null;
        }

        var rendered = new ArrayBufferWriter<byte>();
        EventWriter.WriteStructured(new EventFrame(block.Frames), rendered);
        return JsonElement.Parse(rendered.WrittenSpan);
    }

    private TopicView ViewOf(TopicRuntime topic)
    {
        lock (backbone.Store.Gate)
        {
            var partitions = topic.State.Partitions.Select((partition, i) => new PartitionView(i, partition.Start, partition.End, BytesOf(topic, i))).ToArray();
            return new(
                topic.State.Name,
                topic.State.IsByHand ? "api" : "file",
                topic.Plan.Key,
                Durations.Format(topic.Plan.Retention),
                partitions.Sum(partition => (long)(partition.End - partition.Start)),
                partitions.Sum(partition => partition.Bytes),
                topic.State.Held.Count,
                [.. backbone.Store.State.Subscriptions.Values.Where(subscription => subscription.Topic == topic.State).Select(subscription => subscription.Name).Order(StringComparer.Ordinal)],
                partitions);
        }
    }

    private long BytesOf(TopicRuntime topic, int partition) => backbone.Store.Files.TryGet(topic.State.Id, partition, out var log) ? log.Bytes : 0;

    private SubscriptionView? ViewOfSubscription(string name)
    {
        if (backbone.FindQueue(name, out var queue) is null)
        {
            lock (backbone.Store.Gate)
            {
                var state = queue.IsPaused ? "paused" : queue.IsDeadFull ? "dead-full" : "running";
                return new(
                    name, queue.Topic.State.Name, "queue", queue.Plan.Order.ToString().ToLowerInvariant(), queue.State.IsByHand ? "api" : "file", state, queue.Lag, queue.Leased, queue.Waiting,
                    queue.State.Queue.Dead.Count, queue.Waiters, queue.LastRedrive is { } redrive ? PacedView.Of(redrive) : null, null);
            }
        }

        if (backbone.FindLog(name, out var log) is not null)
        {
            return null;
        }

        lock (backbone.Store.Gate)
        {
            return new(
                name, log.Topic.State.Name, "log", "partition", log.State.IsByHand ? "api" : "file", log.IsPaused ? "paused" : "running", log.Lag, null, null, null, null, null, PositionsOf(log.State.Committed));
        }
    }

    private static SortedDictionary<string, ulong> PositionsOf(ReadOnlySpan<ulong> offsets)
    {
        var positions = new SortedDictionary<string, ulong>(Comparer<string>.Create((a, b) => int.Parse(a, CultureInfo.InvariantCulture).CompareTo(int.Parse(b, CultureInfo.InvariantCulture))));
        for (var partition = 0; partition < offsets.Length; partition++)
        {
            positions.Add(partition.ToString(CultureInfo.InvariantCulture), offsets[partition]);
        }

        return positions;
    }
}
