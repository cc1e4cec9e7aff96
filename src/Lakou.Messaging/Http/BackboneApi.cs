using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Http;

/// <summary>One request of the API.</summary>
/// <param name="Name">Of the topic or subscription that the path names; empty when it names none.</param>
/// <param name="Scheduler">Where it continues after it waited; null for the thread pool.</param>
internal readonly record struct ApiCall(HttpContext Context, string Name, PipeScheduler? Scheduler)
{
    /// <summary>Of the request, when it has one: events get it that bring none.</summary>
    public string? Traceparent { get; init; }

    /// <summary>The span of the request, when somebody records: events that it gets are linked to it.</summary>
    public Activity? Activity { get; init; }

    /// <summary>Null where nobody counts.</summary>
    public IByteCounts? Counts { get; init; }

    public CancellationToken Left => Context.RequestAborted;
}

/// <summary>
/// The backbone over HTTP: publish, receive, finish. The same handlers serve the admin listener and routes of the gateway; each answers, or returns the fault that its
/// server answers with. What there is stands in <see cref="ApiVerbs"/>.
/// </summary>
internal sealed partial class BackboneApi(Backbone backbone)
{
    private const int MostBodyBytes = 1 << 20;

    // OpenTelemetry's default bound on the links of a span.
    private const int LinksMost = 128;

    public async Task<Fault?> PublishAsync(ApiCall call)
    {
        var memory = PublishMemory.Take();
        memory.Batch.Traceparent = call.Traceparent;
        if (await TryPublishAsync(call, memory.Batch, memory.Accepted) is { } fault)
        {
            memory.Batch.Dispose();
            return fault;
        }

        EventReceiptJson.Write(call.Name, new() { IsBatch = IsBatch(call.Context.Request.ContentType), Events = memory.Accepted }, memory.Answer);
        await ApiJson.AnswerAsync(call, StatusCodes.Status202Accepted, memory.Answer.WrittenMemory);
        memory.GiveBack();
        return null;
    }

    public async Task<Fault?> ReceiveAsync(ApiCall call)
    {
        var (request, fault) = await ReadRequestAsync(call, ["max", "wait"]);
        QueueRuntime? queue = null;
        fault ??= request.Read(call.Context.Request.Query) ?? backbone.FindQueue(call.Name, out queue) ?? request.CheckMax(Backbone.ReceiveMost);
        if (fault is not null)
        {
            return fault;
        }

        var wait = request.Wait < Backbone.LongestWait ? request.Wait.Value : request.Wait is null ? TimeSpan.Zero : Backbone.LongestWait;
        (var delivery, fault) = await backbone.ReceiveAsync(queue!, request.Max ?? 1, wait, call.Scheduler, call.Left);
        using var events = delivery;
        if (fault is not null || call.Left.IsCancellationRequested)
        {
            return fault;
        }

        Link(call.Activity, delivery);
        var json = new ArrayBufferWriter<byte>(256 + delivery.Events.Sum(one => one.Frame.Length + 256));
        Write(json, delivery);
        await ApiJson.AnswerAsync(call, StatusCodes.Status200OK, json.WrittenMemory);
        return null;
    }

    public Task<Fault?> AcknowledgeAsync(ApiCall call)
        => SettleAsync(call, ["leases"], (queue, request) => backbone.AcknowledgeAsync(queue, request.Leases, call.Scheduler, call.Left));

    public Task<Fault?> RefuseAsync(ApiCall call)
        => SettleAsync(call, ["leases", "delay", "reason"], (queue, request) => backbone.RefuseAsync(queue, request.Leases, request.Delay, request.Reason, call.Scheduler, call.Left));

    public Task<Fault?> ExtendAsync(ApiCall call)
        => SettleAsync(call, ["leases", "by"], (queue, request) => backbone.ExtendAsync(queue, request.Leases, request.By, call.Scheduler, call.Left));

    private static bool IsBatch(string? contentType) => contentType?.StartsWith(EventWriter.BatchType, StringComparison.OrdinalIgnoreCase) == true;

    private async ValueTask<Fault?> TryPublishAsync(ApiCall call, EventBatch batch, List<AcceptedEvent> accepted)
    {
        var context = call.Context;
        var unknown = backbone.FindTopic(call.Name, out var topic);
        if ((DelayOf(context.Request.Query, out var delay) ?? unknown) is { } wrong)
        {
            return wrong;
        }

        var (body, fault) = await RequestBody.ReadAsync(call, EventLimits.Default.BatchBytes);
        using (body)
        {
            fault ??= EventReader.Read(context.Request.ContentType, context.Request.Headers, body.Bytes, topic.Terms, batch);
        }

        return fault ?? (batch.Events.Length == 0 ? null : await backbone.PublishAsync(topic, batch, delay, accepted, call.Scheduler, call.Left));
    }

    /// <summary><c>?in=10m</c> or <c>?at=2026-01-31T12:00:00Z</c></summary>
    private Fault? DelayOf(IQueryCollection query, out TimeSpan delay)
    {
        delay = TimeSpan.Zero;
        var (within, at) = query.Count == 0 ? ("", "") : (query["in"].ToString(), query["at"].ToString());
        if (within.Length > 0 && at.Length > 0)
        {
            return BackboneFaults.BadRequest.With("in and at say the same thing; send one of them");
        }

        if (within.Length > 0 && !ApiRequest.TryDuration(within, out delay))
        {
            return BackboneFaults.BadRequest.With($"in: '{within}' is not a duration such as 10m");
        }

        if (at.Length > 0)
        {
            if (!StartOptions.TryParseTime(at, out var time))
            {
                return BackboneFaults.BadRequest.With($"at: '{at}' is not a time such as 2026-01-31T12:00:00Z");
            }

            delay = time - backbone.Store.Time.GetUtcNow();
            delay = delay < TimeSpan.Zero ? TimeSpan.Zero : delay;
        }

        return null;
    }

    private static async ValueTask<(ApiRequest Request, Fault? Fault)> ReadRequestAsync(ApiCall call, string[] allowed)
    {
        var (body, fault) = await RequestBody.ReadAsync(call, MostBodyBytes);
        using (body)
        {
            ApiRequest request = new();
            fault ??= ApiRequest.Read(body.Bytes, allowed, out request);
            return (request, fault);
        }
    }

    private async Task<Fault?> SettleAsync(ApiCall call, string[] allowed, Func<QueueRuntime, ApiRequest, ValueTask<(Settlement Settlement, Fault? Fault)>> settle)
    {
        var (request, fault) = await ReadRequestAsync(call, allowed);
        QueueRuntime? queue = null;
        fault ??= backbone.FindQueue(call.Name, out queue);
        fault ??= request.Leases.Count == 0 ? BackboneFaults.BadRequest.With("leases: there are none; send those that 'receive' gave") : null;
        fault ??= Check("delay", request.Delay, TimeSpan.Zero, Backbone.LongestDelay) ?? Check("by", request.By, TimeSpan.FromSeconds(1), TimeSpan.FromHours(12));
        Settlement? settlement = null;
        if (fault is null)
        {
            (settlement, fault) = await settle(queue!, request);
        }

        if (fault is not null)
        {
            return fault;
        }

        var buffer = new ArrayBufferWriter<byte>(64);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("done"u8, settlement!.Done);
            json.WriteStartArray("gone"u8);
            foreach (var lease in settlement.Gone)
            {
                json.WriteStringValue(lease.ToString());
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        await ApiJson.AnswerAsync(call, StatusCodes.Status200OK, buffer.WrittenMemory);
        return null;
    }

    private static Fault? Check(string key, TimeSpan? value, TimeSpan least, TimeSpan most)
        => value < least || value > most
            ? BackboneFaults.BadRequest.With($"{key}: {Durations.Format(value.Value)} is not allowed; {Durations.Format(least)} to {Durations.Format(most)}")
            : null;

    /// <summary>From the receiving span to those in which the events were published (OpenTelemetry's messaging conventions).</summary>
    private static void Link(Activity? activity, Delivery delivery)
    {
        if (activity is not { IsAllDataRequested: true })
        {
            return;
        }

        foreach (var (_, _, frame) in delivery.Events.Take(LinksMost))
        {
            if (new EventFrame(frame.Span).TryGet("traceparent"u8, out var attribute) && ActivityContext.TryParse(Encoding.ASCII.GetString(attribute.Value), null, isRemote: true, out var published))
            {
                activity.AddLink(new ActivityLink(published));
            }
        }
    }

    private void Write(ArrayBufferWriter<byte> to, Delivery delivery)
    {
        using var json = new Utf8JsonWriter(to, new JsonWriterOptions { SkipValidation = true });
        json.WriteStartObject();
        if (delivery.Events.Count > 0)
        {
            ApiJson.WriteTime(json, "now"u8, backbone.Store.Now);
            ApiJson.WriteTime(json, "deadline"u8, delivery.Deadline);
        }

        json.WriteStartArray("events"u8);
        var rendered = new ArrayBufferWriter<byte>(1024);
        foreach (var (lease, attempt, frame) in delivery.Events)
        {
            json.WriteStartObject();
            json.WriteString("lease"u8, lease.ToString());
            json.WriteNumber("attempt"u8, attempt);
            json.WriteNumber("partition"u8, lease.Place.Partition);
            json.WriteNumber("offset"u8, lease.Place.Offset);
            json.WritePropertyName("event"u8);
            rendered.ResetWrittenCount();
            EventWriter.WriteStructured(new EventFrame(frame.Span), rendered);
            json.WriteRawValue(rendered.WrittenSpan, skipInputValidation: true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
