using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Http;

/// <summary>What the API gets from who serves it.</summary>
/// <param name="RefuseAsync">Answers with a fault.</param>
/// <param name="SchedulerOf">Where a request continues after it waited; null for the thread pool.</param>
internal sealed record ApiHost(Func<HttpContext, Fault, Task> RefuseAsync, Func<HttpContext, PipeScheduler?> SchedulerOf);

/// <summary>
/// The backbone over HTTP: publish, receive, finish. The same handlers serve the admin listener and routes of the gateway. Operators' part is in
/// <c>BackboneApi.Operating.cs</c>, readers' in <c>BackboneApi.Reading.cs</c>.
/// </summary>
internal sealed partial class BackboneApi(Backbone backbone, ApiHost host)
{
    private const int MostBodyBytes = 1 << 20;

    /// <summary><c>POST /v1/topics/{topic}/events</c></summary>
    public async Task PublishAsync(HttpContext context, string topic)
    {
        using var batch = new EventBatch();
        var accepted = new List<AcceptedEvent>(1);
        if (await TryPublishAsync(context, topic, batch, accepted) is { } fault)
        {
            await host.RefuseAsync(context, fault);
            return;
        }

        var receipt = new EventReceipt { IsBatch = IsBatch(context.Request.ContentType), Events = accepted };
        var json = new ArrayBufferWriter<byte>(128 * Math.Max(1, accepted.Count));
        EventReceiptJson.Write(topic, receipt, json);
        await ApiJson.AnswerAsync(context, StatusCodes.Status202Accepted, json.WrittenMemory);
    }

    /// <summary><c>POST /v1/subscriptions/{subscription}/receive</c></summary>
    public async Task ReceiveAsync(HttpContext context, string subscription)
    {
        var (request, fault) = await ReadRequestAsync(context, ["max", "wait"]);
        var max = request.Max ?? 1;
        var wait = request.Wait ?? TimeSpan.Zero;
        QueueRuntime? queue = null;
        fault ??= request.Read(context.Request.Query) ?? backbone.FindQueue(subscription, out queue);
        (max, wait) = (request.Max ?? max, request.Wait ?? wait);
        if (fault is null && max is < 1 or > Backbone.ReceiveMost)
        {
            fault = BackboneFaults.BadRequest.With($"max: {max} is not allowed; 1 to {Backbone.ReceiveMost}");
        }

        if (fault is not null)
        {
            await host.RefuseAsync(context, fault);
            return;
        }

        wait = wait < Backbone.LongestWait ? wait : Backbone.LongestWait;
        using var delivery = await backbone.ReceiveAsync(queue!, max, wait, host.SchedulerOf(context), context.RequestAborted);
        if (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        var json = new ArrayBufferWriter<byte>(256 + delivery.Events.Sum(one => one.Frame.Length + 256));
        Write(json, delivery);
        await ApiJson.AnswerAsync(context, StatusCodes.Status200OK, json.WrittenMemory);
    }

    /// <summary><c>POST /v1/subscriptions/{subscription}/ack</c></summary>
    public Task AcknowledgeAsync(HttpContext context, string subscription)
        => SettleAsync(context, subscription, ["leases"], (queue, request, scheduler) => backbone.AcknowledgeAsync(queue, request.Leases, scheduler, context.RequestAborted));

    /// <summary><c>POST /v1/subscriptions/{subscription}/nack</c></summary>
    public Task RefuseAsync(HttpContext context, string subscription)
        => SettleAsync(
            context,
            subscription,
            ["leases", "delay", "reason"],
            (queue, request, scheduler) => backbone.RefuseAsync(queue, request.Leases, request.Delay, request.Reason, scheduler, context.RequestAborted));

    /// <summary><c>POST /v1/subscriptions/{subscription}/extend</c></summary>
    public Task ExtendAsync(HttpContext context, string subscription)
        => SettleAsync(context, subscription, ["leases", "by"], (queue, request, scheduler) => backbone.ExtendAsync(queue, request.Leases, request.By, scheduler, context.RequestAborted));

    private static bool IsBatch(string? contentType) => contentType?.StartsWith(EventWriter.BatchType, StringComparison.OrdinalIgnoreCase) == true;

    private async ValueTask<Fault?> TryPublishAsync(HttpContext context, string name, EventBatch batch, List<AcceptedEvent> accepted)
    {
        var unknown = backbone.FindTopic(name, out var topic);
        if ((DelayOf(context.Request.Query, out var delay) ?? unknown) is { } wrong)
        {
            return wrong;
        }

        var (body, fault) = await RequestBody.ReadAsync(context, EventLimits.Default.BatchBytes);
        using (body)
        {
            fault ??= EventReader.Read(context.Request.ContentType, context.Request.Headers, body.Bytes, topic.Terms, batch);
        }

        return fault ?? (batch.Events.Length == 0 ? null : await backbone.PublishAsync(topic, batch, delay, accepted, host.SchedulerOf(context), context.RequestAborted));
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

    private static async ValueTask<(ApiRequest Request, Fault? Fault)> ReadRequestAsync(HttpContext context, string[] allowed)
    {
        var (body, fault) = await RequestBody.ReadAsync(context, MostBodyBytes);
        using (body)
        {
            ApiRequest request = new();
            fault ??= ApiRequest.Read(body.Bytes, allowed, out request);
            return (request, fault);
        }
    }

    private async Task SettleAsync(
        HttpContext context, string subscription, string[] allowed, Func<QueueRuntime, ApiRequest, PipeScheduler?, ValueTask<(Settlement Settlement, Fault? Fault)>> settle)
    {
        var (request, fault) = await ReadRequestAsync(context, allowed);
        QueueRuntime? queue = null;
        fault ??= backbone.FindQueue(subscription, out queue);
        fault ??= request.Leases.Count == 0 ? BackboneFaults.BadRequest.With("leases: there are none; send those that 'receive' gave") : null;
        fault ??= Check("delay", request.Delay, TimeSpan.Zero, Backbone.LongestDelay) ?? Check("by", request.By, TimeSpan.FromSeconds(1), TimeSpan.FromHours(12));
        Settlement? settlement = null;
        if (fault is null)
        {
            (settlement, fault) = await settle(queue!, request, host.SchedulerOf(context));
        }

        if (fault is not null)
        {
            await host.RefuseAsync(context, fault);
            return;
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

        await ApiJson.AnswerAsync(context, StatusCodes.Status200OK, buffer.WrittenMemory);
    }

    private static Fault? Check(string key, TimeSpan? value, TimeSpan least, TimeSpan most)
        => value < least || value > most
            ? BackboneFaults.BadRequest.With($"{key}: {Durations.Format(value.Value)} is not allowed; {Durations.Format(least)} to {Durations.Format(most)}")
            : null;

    private static void Write(ArrayBufferWriter<byte> to, Delivery delivery)
    {
        using var json = new Utf8JsonWriter(to, new JsonWriterOptions { SkipValidation = true });
        json.WriteStartObject();
        if (delivery.Events.Count > 0)
        {
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
