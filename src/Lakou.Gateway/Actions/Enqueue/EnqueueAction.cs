using System.Buffers;
using System.Text;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Enqueue;

/// <summary>Makes a request an event of a topic, and answers once it is stored. The numbered steps are those of <c>docs/enqueue.md</c>.</summary>
internal sealed class EnqueueAction(EnqueueOptions options, EnqueueState state)
{
    // For the access log.
    private readonly string _name = $"enqueue {options.Topic}";

    public async Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.FindFeatures(); // filters may have set some
        exchange.Upstream = _name;
        if (await RunAsync(context, exchange) is { } fault)
        {
            await FaultResponse.WriteAsync(context, exchange, fault);
        }
    }

    private async Task<Fault?> RunAsync(HttpContext context, Exchange exchange)
    {
        // 1. Can it be an event?
        if (Check(exchange, context.Request.Headers.ContentEncoding.ToString()) is { } wrong)
        {
            return wrong;
        }

        var rest = exchange.Time.GetElapsedTime(exchange.Timestamp(), exchange.TotalDeadline);
        using var end = exchange.TotalDeadline == long.MaxValue ? null : new CancellationTokenSource(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, exchange.Time);
        using var body = new EnqueueBody(state);
        EventReceipt receipt;
        try
        {
            // 2. All of its body, before anybody hears of it.
            if (await ReadAsync(context, exchange, body, end?.Token ?? default) is { } fault)
            {
                return fault;
            }

            // 3. Then it is stored, or not.
            var handed = exchange.Timestamp();
            receipt = state.Events is { } events
                ? await events.AcceptAsync(SubmissionOf(exchange, body), end?.Token ?? default)
                : EventReceipt.Refused(EnqueueFaults.NoBackbone.With("Send it again in a moment."));
            exchange.FirstByte = exchange.Elapsed(handed);
        }
        catch (OperationCanceledException) when (end is { IsCancellationRequested: true })
        {
            receipt = EventReceipt.Refused(Forwarder.TotalTimeout(exchange));
        }

        await LoopSwitch.To(exchange.Http.Features.Get<ILoopFeature>()); // the store's threads have other work
        if (receipt.Fault is { } refused)
        {
            return refused;
        }

        // 4. The answer says where it is.
        await AnswerAsync(context, exchange, receipt);
        return null;
    }

    private static Fault? Check(Exchange exchange, string encoding)
    {
        if (!EnqueueOptions.Methods.Contains(exchange.Method, StringComparer.Ordinal))
        {
            exchange.Allow = string.Join(", ", EnqueueOptions.Methods);
            return RoutingFaults.MethodNotAllowed.With($"{exchange.Path} takes {exchange.Allow}.");
        }

        return encoding is "" or "identity" ? null : EnqueueFaults.Encoded.With("Send it without Content-Encoding.");
    }

    private static async Task<Fault?> ReadAsync(HttpContext context, Exchange exchange, EnqueueBody body, CancellationToken end)
    {
        if (exchange.Features.BodySize is { IsReadOnly: false } size && !(size.MaxRequestBodySize <= EnqueueBody.MaxBytes))
        {
            size.MaxRequestBodySize = EnqueueBody.MaxBytes; // what says that it is longer is refused before it is read
        }

        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(end);
            var fault = body.Append(read.Buffer);
            exchange.BytesIn += read.Buffer.Length;
            reader.AdvanceTo(read.Buffer.End);
            if (fault is not null || read.IsCompleted)
            {
                return fault;
            }
        }
    }

    private EventSubmission SubmissionOf(Exchange exchange, EnqueueBody body)
    {
        var fields = exchange.Features.Request.Headers;
        Span<byte> traceparent = stackalloc byte[TraceContext.TraceparentLength];
        exchange.Trace.WriteTraceparent(traceparent);
        return new()
        {
            Topic = options.Topic,
            ContentType = fields.ContentType.Count > 0 ? fields.ContentType.ToString() : null,
            Fields = EventFields.Of(fields),
            Body = body.Bytes,
            Type = options.Type,
            Source = options.Source,
            Delay = options.In,
            Traceparent = Encoding.ASCII.GetString(traceparent),
            Tracestate = exchange.Trace.State,
        };
    }

    private async Task AnswerAsync(HttpContext context, Exchange exchange, EventReceipt receipt)
    {
        var response = context.Response;
        response.StatusCode = options.Status;
        if (options.Status == StatusCodes.Status204NoContent)
        {
            return;
        }

        var json = new ArrayBufferWriter<byte>();
        EventReceiptJson.Write(options.Topic, receipt, json);
        response.ContentType = EventReceiptJson.ContentType;
        response.ContentLength = exchange.BytesOut = json.WrittenCount;
        await response.BodyWriter.WriteAsync(json.WrittenMemory, context.RequestAborted);
    }
}
