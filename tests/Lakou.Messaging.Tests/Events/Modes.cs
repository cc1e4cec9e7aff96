using System.Buffers;
using System.Text;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Frames written and read again in each mode.</summary>
internal static class Modes
{
    public static string ToStructured(ReadOnlySpan<byte> frame)
    {
        var json = new ArrayBufferWriter<byte>();
        EventWriter.WriteStructured(new EventFrame(frame), json);
        return Text(json.WrittenSpan);
    }

    public static string ToBatch(ReadOnlySpan<byte> frames)
    {
        var json = new ArrayBufferWriter<byte>();
        EventWriter.WriteBatch(frames, json);
        return Text(json.WrittenSpan);
    }

    public static (string? ContentType, IHeaderDictionary Headers, byte[] Body) ToBinary(ReadOnlySpan<byte> frame)
    {
        IHeaderDictionary headers = new HeaderDictionary();
        var body = new ArrayBufferWriter<byte>();
        EventWriter.WriteBinary(new EventFrame(frame), headers, body);
        foreach (var (name, value) in headers)
        {
            Assert.True(Ascii.IsValid(name) && Ascii.IsValid(value.ToString()) && !value.ToString().Any(char.IsControl), $"{name}: {value}");
        }

        return (headers.ContentType.Count > 0 ? headers.ContentType.ToString() : null, headers, body.WrittenSpan.ToArray());
    }

    /// <summary>What was read goes out in every mode, and means the same when it comes back.</summary>
    public static void AssertSame(EventBatch batch)
    {
        var events = All(batch);
        Assert.Equal(events.Select(Meaning), All(Batch, Utf8(ToBatch(batch.Frames.Span))).Select(Meaning));
        for (var i = 0; i < events.Length; i++)
        {
            var frame = batch.FrameOf(batch.Events[i]);
            var again = One(Structured, ToStructured(frame));
            Assert.Equal(Meaning(events[i]), Meaning(again));
            AssertSameInBinary(events[i], frame);
        }
    }

    /// <summary>White space around a JSON body is of the body, not of its value.</summary>
    private static Event Meaning(Event e) => e with { Batched = default, Data = e.Flags == FrameFlags.Json ? e.Data.Trim(" \t\r\n".ToCharArray()) : e.Data };

    private static void AssertSameInBinary(Event sent, ReadOnlySpan<byte> frame)
    {
        var (contentType, headers, body) = ToBinary(frame);
        var again = Assert.Single(All(contentType, body, headers: headers));
        Assert.Equal(Untyped(sent), Untyped(again));
        if (sent.Data.Length > 0)
        {
            Assert.Equal((sent.Data, KindIn(sent)), (again.Data, again.Flags));
        }
    }

    /// <summary>Text of a media type that does not say so is told from bytes by JSON alone.</summary>
    private static FrameFlags KindIn(Event sent) =>
        sent.Flags == FrameFlags.Text && MediaType.Of(Utf8(sent["datacontenttype"]!)).Kind != MediaKind.Text ? FrameFlags.None : sent.Flags;

    /// <summary>The order of headers is no one's, their types are strings, and JSON that states no media type states it in the end.</summary>
    private static string Untyped(Event e) => string.Join('|', e.Attributes.Split('|')
        .Select(attribute => attribute.Replace(":Integer=", ":String=", StringComparison.Ordinal).Replace(":Boolean=", ":String=", StringComparison.Ordinal))
        .Append(e.Flags == FrameFlags.Json && e["datacontenttype"] is null ? "datacontenttype:String=application/json" : "")
        .Where(attribute => attribute.Length > 0)
        .Order(StringComparer.Ordinal));
}
