using System.Buffers;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Exactly at each limit, and one over it.</summary>
public sealed class LimitTests
{
    private const int Mandatory = 2 + 6 + 4 + 1 + 2 + 1; // id, source, type of "1", "/s", "t"

    [Fact]
    public void An_event_is_as_large_as_its_frame_without_its_head()
    {
        var body = Json("\"data\":\"" + new string('x', 100) + "\"");
        var length = One(Structured, body).Batched.Length - EventFrame.HeadLength;

        AtAndOver(Structured, body, new(length, int.MaxValue), new(length - 1, int.MaxValue), $"event: the event is larger than {length - 1} bytes");
        AtAndOver(Batch, $"[{body}]", new(length, int.MaxValue), new(length - 1, int.MaxValue), $"[0]: the event is larger than {length - 1} bytes");

        var plain = One("text/plain", body, headers: Binary()).Batched.Length - EventFrame.HeadLength;
        AtAndOver("text/plain", body, new(plain, int.MaxValue), new(plain - 1, int.MaxValue), $"event: the event is larger than {plain - 1} bytes", Binary());
        AtAndOver("text/plain", body, new(plain, int.MaxValue), new(body.Length - 1, int.MaxValue), $"the event is larger than {body.Length - 1} bytes", Binary());
        AtAndOver(Structured, body, new(length, int.MaxValue), new(101, int.MaxValue), "data: the event is larger than 101 bytes");
    }

    [Fact]
    public void A_batch_is_as_large_as_its_body_and_as_its_frames()
    {
        var events = $"[{Json("")},{Json("")}]";
        var frames = All(Batch, Utf8(events)).Sum(e => e.Batched.Length);
        Assert.True(frames > events.Length);
        AtAndOver(Batch, events, new(1000, frames), new(1000, frames - 1), $"[1]: together the events are larger than {frames - 1} bytes");

        var spacious = $"[{Json("")}{new string(' ', 1000)}]";
        AtAndOver(Batch, spacious, new(1000, spacious.Length), new(1000, spacious.Length - 1), $"the body is larger than {spacious.Length - 1} bytes");
    }

    [Fact]
    public void The_defaults_are_1_MiB_and_8_MiB()
    {
        var overhead = One(Structured, Json("\"data\":\"\"")).Batched.Length - EventFrame.HeadLength;
        string Sized(int size) => Json($"\"data\":\"{new string('x', size - overhead)}\"");

        Assert.Equal(1024 * 1024, One(Structured, Sized(1024 * 1024)).Batched.Length - EventFrame.HeadLength);
        Assert.Equal(413, Refusal(Structured, Sized((1024 * 1024) + 1)).Code.Status);

        // A frame has a head of 32 bytes more, so eight full events would be too many.
        var seven = string.Join(',', Enumerable.Repeat(Sized(1024 * 1024), 7));
        var rest = (1024 * 1024) - (8 * EventFrame.HeadLength);
        Assert.Equal(8 * 1024 * 1024, All(Batch, Utf8($"[{seven},{Sized(rest)}]")).Sum(e => e.Batched.Length));
        Assert.Equal("[7]: together the events are larger than 8388608 bytes", Refusal(Batch, $"[{seven},{Sized(rest + 1)}]").Detail);
    }

    [Fact]
    public void An_event_has_at_most_64_attributes()
    {
        string Attributes(int count) => string.Join(',', Enumerable.Range(0, count - 3).Select(i => $"\"x{i}\":{i}"));

        Assert.Equal(64, One(Structured, Json(Attributes(64))).Attributes.Split('|').Length);
        Assert.Equal((EventFaults.TooLarge, "x61: is one attribute too many; at most 64"), CodeAndDetail(Refusal(Structured, Json(Attributes(65)))));
        Assert.Equal((EventFaults.TooLarge, "x64: is one attribute too many; at most 64"), CodeAndDetail(Refusal(Structured, Json(Attributes(1000)))));

        var headers = Binary([.. Enumerable.Range(0, 61).Select(i => ($"ce-x{i}", "1"))]);
        Assert.Equal(64, One(null, "", headers: headers).Attributes.Split('|').Length);
        headers["ce-more"] = "1";
        Assert.EndsWith(": is one attribute too many; at most 64", Refusal(null, "", headers: headers).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_have_at_most_64_KiB_together()
    {
        const int Value = (64 * 1024) - Mandatory - 1 - 1; // names count, so does another attribute's 'y'
        foreach (var (x, y) in new[] { (Value, ""), (Value - 1, "1") })
        {
            var (at, over) = (new string('x', x), new string('x', x + 1));
            Assert.Equal(x, One(Structured, Json($"\"x\":\"{at}\",\"y\":\"{y}\""))["x"]!.Length);
            Assert.Equal(x, One(null, "", headers: Binary(("ce-x", at), ("ce-y", y)))["x"]!.Length);
            foreach (var fault in new[] { Refusal(Structured, Json($"\"x\":\"{over}\",\"y\":\"{y}\"")), Refusal(null, "", headers: Binary(("ce-x", over), ("ce-y", y))) })
            {
                Assert.Equal(EventFaults.TooLarge, fault.Code);
                Assert.EndsWith(": with this one the attributes are longer than 65536 bytes together", fault.Detail, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_value_far_too_long_is_not_even_decoded()
    {
        var fault = Refusal(Structured, Json($"\"x\":\"{new string('x', 500_000)}\""));
        Assert.Equal("x: with this one the attributes are longer than 65536 bytes together", fault.Detail);
    }

    [Fact]
    public void An_id_has_at_most_1_KiB()
    {
        string WithId(int length) => $$"""{"specversion":"1.0","id":"{{new string('i', length)}}","source":"/s","type":"t"}""";
        Assert.Equal(1024, One(Structured, WithId(1024))["id"]!.Length);
        Assert.Equal((EventFaults.TooLarge, "id: is longer than 1024 bytes"), CodeAndDetail(Refusal(Structured, WithId(1025))));
    }

    [Fact]
    public void A_name_has_at_most_64_characters()
    {
        var (at, over) = (new string('a', 64), new string('a', 65));
        Assert.Equal("1", One(Structured, Json($"\"{at}\":1"))[at]);
        Assert.Equal("1", One(null, "", headers: Binary(($"ce-{at}", "1")))[at]);
        Assert.Contains(AttributeRules.NameRequirement, Refusal(Structured, Json($"\"{over}\":1")).Detail, StringComparison.Ordinal);
        Assert.Contains(AttributeRules.NameRequirement, Refusal(null, "", headers: Binary(($"ce-{over}", "1"))).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_media_type_has_at_most_300_characters()
    {
        string OfLength(int length) => $"text/plain; x={new string('x', length - 14)}";
        Assert.Equal(OfLength(300), One(OfLength(300), "x")["datacontenttype"]);
        Assert.Equal(415, Refusal(OfLength(301), "x").Code.Status);
        Assert.Equal(400, Refusal(Structured, Json($"\"datacontenttype\":\"{OfLength(301)}\"")).Code.Status);
    }

    [Fact]
    public void A_body_in_pieces_is_the_same_body()
    {
        var body = Utf8($"[{Json("\"subject\":\"a\",\"data\":[1,2]")}]");
        var whole = All(Batch, body);
        using var batch = new EventBatch();
        for (var cut = 0; cut <= body.Length; cut++)
        {
            var first = new Piece(body.AsMemory(0, cut), null);
            var last = new Piece(body.AsMemory(cut), first);
            Assert.Null(EventReader.Read(Batch, new HeaderDictionary(), new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length), Terms(), batch));
            Assert.Equal(whole, All(batch));
        }
    }

    /// <summary>What is hostile and of the largest size takes a moment and no memory that its size does not explain.</summary>
    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    [InlineData(" ")]
    [InlineData("[{\"x\":\"\\u0041\\u0041\\u0041\\u0041\",")]
    [InlineData("\"\\\\")]
    [InlineData("[{},")]
    [InlineData("%")]
    public void Hostile_bodies_are_refused_cheaply(string unit)
    {
        var body = Utf8(string.Concat(Enumerable.Repeat(unit, 8 * 1024 * 1024 / unit.Length)));
        foreach (var contentType in new[] { Structured, Batch })
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Refusal(contentType, body);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
        }
    }

    private static void AtAndOver(string contentType, string body, EventLimits at, EventLimits over, string detail, IHeaderDictionary? headers = null)
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, contentType, Utf8(body), Terms(limits: at), headers));
        Assert.Equal((EventFaults.TooLarge, detail), CodeAndDetail(Refusal(contentType, body, Terms(limits: over), headers)));
    }

    private static (FaultCode, string) CodeAndDetail(Fault fault) => (fault.Code, fault.Detail);

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            if (before is not null)
            {
                (before.Next, RunningIndex) = (this, before.RunningIndex + before.Memory.Length);
            }
        }
    }
}
