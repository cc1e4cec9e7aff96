using Lakou.Core.Events;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Messaging;

/// <summary>A message of HTTP that becomes events: of the gateway's <c>enqueue</c>, and of the API.</summary>
internal sealed partial class Backbone : IEventIntake
{
    private static readonly HeaderDictionary s_noFields = [];

    public async ValueTask<EventReceipt> AcceptAsync(EventSubmission submission, CancellationToken cancellation)
    {
        if (FindTopic(submission.Topic, out var topic) is { } unknown)
        {
            return EventReceipt.Refused(unknown);
        }

        using var batch = new EventBatch { Traceparent = submission.Traceparent, Tracestate = submission.Tracestate };
        var terms = submission.Type is null && submission.Source is null ? topic.Terms
            : new EventTerms(topic.Plan.Key, submission.Source ?? $"/topics/{topic.Plan.Name}", submission.Type ?? $"{topic.Plan.Name}.event", _settings.Time) { IsDeduplicated = topic.Terms.IsDeduplicated };
        if (EventReader.Read(submission.ContentType, FieldsOf(submission), submission.Body, terms, batch) is { } malformed)
        {
            return EventReceipt.Refused(malformed);
        }

        var accepted = new List<AcceptedEvent>(batch.Events.Length);
        if (batch.Events.Length > 0 && await PublishAsync(topic, batch, submission.Delay, accepted, null, cancellation) is { } fault)
        {
            return EventReceipt.Refused(fault);
        }

        // The batch's memory goes back: ids are the receipt's own.
        return new()
        {
            IsBatch = submission.ContentType?.StartsWith("application/cloudevents-batch", StringComparison.OrdinalIgnoreCase) == true,
            Events = [.. accepted.Select(one => one with { Id = one.Id.ToArray() })],
        };
    }

    private static HeaderDictionary FieldsOf(EventSubmission submission)
    {
        if (submission.Fields.Count == 0)
        {
            return s_noFields;
        }

        var fields = new HeaderDictionary();
        foreach (var (name, value) in submission.Fields)
        {
            fields[name] = StringValues.Concat(fields[name], value);
        }

        return fields;
    }
}
