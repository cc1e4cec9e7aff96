using System.Buffers;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Requests and frames as values that tests can compare.</summary>
internal static class Reading
{
    public const string Structured = "application/cloudevents+json";
    public const string Batch = "application/cloudevents-batch+json";

    /// <summary>2026-01-31T09:30:00.1234567Z</summary>
    public static readonly DateTimeOffset Now = new DateTimeOffset(2026, 1, 31, 9, 30, 0, TimeSpan.Zero).AddTicks(1_234_567);

    public static EventTerms Terms(string? key = "subject", EventLimits? limits = null, TimeProvider? time = null) =>
        new(key, "/topics/orders", "orders.event", time ?? new FixedTime(Now), limits);

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    public static HeaderDictionary Headers(params (string Name, string Value)[] headers)
    {
        var dictionary = new HeaderDictionary();
        foreach (var (name, value) in headers)
        {
            dictionary[name] = value;
        }

        return dictionary;
    }

    public static Fault? Read(EventBatch into, string? contentType, byte[] body, EventTerms? terms = null, IHeaderDictionary? headers = null) =>
        EventReader.Read(contentType, headers ?? new HeaderDictionary(), new ReadOnlySequence<byte>(body), terms ?? Terms(), into);

    /// <summary>The events of a request that must be right.</summary>
    public static Event[] All(string? contentType, byte[] body, EventTerms? terms = null, IHeaderDictionary? headers = null)
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, contentType, body, terms, headers)?.ToString());
        return All(batch);
    }

    public static Event[] All(EventBatch batch)
    {
        var events = new List<Event>();
        foreach (var batched in batch.Events)
        {
            events.Add(Event.Of(batched, batch.FrameOf(batched)));
        }

        return [.. events];
    }

    public static Event One(string? contentType, string body, EventTerms? terms = null, IHeaderDictionary? headers = null) =>
        Assert.Single(All(contentType, Utf8(body), terms, headers));

    /// <summary>A structured event with the mandatory attributes and more members.</summary>
    public static string Json(string members) => $$"""{"specversion":"1.0","id":"1","source":"/s","type":"t"{{(members.Length > 0 ? "," : "")}}{{members}}}""";

    /// <summary>The fault of a request, which must leave nothing behind.</summary>
    public static Fault Refusal(string? contentType, byte[] body, EventTerms? terms = null, IHeaderDictionary? headers = null)
    {
        using var batch = new EventBatch();
        var fault = Read(batch, contentType, body, terms, headers);
        Assert.NotNull(fault);
        Assert.Equal((0, 0), (batch.Events.Length, batch.Frames.Length));
        return fault;
    }

    public static Fault Refusal(string? contentType, string body, EventTerms? terms = null, IHeaderDictionary? headers = null) =>
        Refusal(contentType, Utf8(body), terms, headers);

    /// <summary>The right headers of a CloudEvent in binary mode, and more.</summary>
    public static HeaderDictionary Binary(params (string Name, string Value)[] more) =>
        Headers([("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t"), .. more]);

    /// <summary>Everything that a frame says, and what the batch said of it.</summary>
    internal sealed record Event(string Attributes, string Data, FrameFlags Flags, BatchedEvent Batched)
    {
        public static Event Of(in BatchedEvent batched, ReadOnlySpan<byte> bytes)
        {
            var sealedFrame = bytes.ToArray();
            EventFrame.Seal(sealedFrame, 7, 11);
            var frame = new EventFrame(sealedFrame);
            Assert.Equal(FrameDamage.None, frame.Verify());
            Assert.Equal((batched.KeyHash, batched.HasKey, batched.Priority), (frame.KeyHash, frame.HasKey, frame.Priority));
            Assert.True(frame.HasData || frame.Data.IsEmpty);
            return new(AttributesOf(frame), Encoding.Latin1.GetString(frame.Data), frame.Flags & ~FrameFlags.HasKey, batched);
        }

        /// <summary>UTF-8 data.</summary>
        public string Text => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(Data));

        public string? this[string name] =>
            Attributes.Split('|').FirstOrDefault(attribute => attribute.StartsWith(name + ":", StringComparison.Ordinal)) is { } found ? found[(found.IndexOf('=', StringComparison.Ordinal) + 1)..] : null;

        private static string AttributesOf(EventFrame frame)
        {
            var attributes = new List<string>();
            foreach (var attribute in frame.Attributes)
            {
                attributes.Add($"{Reading.Text(attribute.Name)}:{attribute.Type}={Reading.Text(attribute.Value)}");
            }

            return string.Join('|', attributes);
        }
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
