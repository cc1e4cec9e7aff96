using System.Buffers;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Nothing is allocated for an event; a request may cost the enumerator of its headers, which the interface boxes.</summary>
public sealed class CostTests : IDisposable
{
    private const int Rounds = 1_000;
    private const int HeaderEnumerator = 128;
    private const int Attempts = 10; // a collection in the middle counts the rest of a thread's block as allocated

    private readonly EventBatch _batch = new();

    public void Dispose() => _batch.Dispose();

    [Fact]
    public void A_batch_of_structured_events_allocates_nothing() =>
        AssertReading(Batch, $"[{string.Join(',', Enumerable.Repeat(Json("\"subject\":\"a \\\"b\\\"\",\"time\":\"2026-01-31T09:30:00Z\",\"priority\":5,\"data\":{\"a\":[1,2,3]}"), 50))}]", new HeaderDictionary(), 0);

    [Fact]
    public void A_structured_event_allocates_nothing() => AssertReading(Structured, Json("\"subject\":\"€\",\"data\":{\"a\":[1,2,3]}"), Binary(), 0);

    [Fact]
    public void A_plain_body_allocates_nothing() => AssertReading("application/json", "{\"a\":1}", new HeaderDictionary(), 0);

    [Fact]
    public void A_plain_body_with_headers_allocates_their_enumerator() =>
        AssertReading("application/json", "{\"a\":1}", Headers(("Host", "a"), ("ce-subject", "a%20b")), HeaderEnumerator);

    [Fact]
    public void An_event_in_binary_mode_allocates_the_enumerator_of_headers() =>
        AssertReading("text/plain; charset=utf-8", "x", Binary(("ce-subject", "a%20b"), ("ce-time", "2026-01-31T09:30:00Z"), ("Host", "a")), HeaderEnumerator);

    [Fact]
    public void Writing_structured_events_allocates_nothing()
    {
        Assert.Null(Read(_batch, Batch, Utf8($"[{Json("\"subject\":\"€ \\\"\",\"data\":{}")},{Json("\"n\":1,\"data_base64\":\"AAAA\"")}]")));
        var json = new ArrayBufferWriter<byte>(4096);
        AssertAllocates(0, () =>
        {
            json.ResetWrittenCount();
            EventWriter.WriteBatch(_batch.Frames.Span, json);
        });
    }

    [Fact]
    public void Matching_and_verifying_allocate_nothing()
    {
        Assert.Null(Read(_batch, Structured, Utf8(Json("\"subject\":\"abc\",\"n\":1,\"data\":{}"))));
        EventFrame.Seal(_batch.FrameOf(_batch.Events[0]), 1, 1);
        Assert.Null(EventFilterOptions.Parse("""{"subject":["x","ab*"],"n":1}"""u8, out var options));
        var filter = new EventFilter(options);
        AssertAllocates(0, () =>
        {
            var frame = new EventFrame(_batch.Frames.Span);
            if (!filter.Matches(frame) || frame.Verify() != FrameDamage.None)
            {
                Assert.Fail("neither damaged nor left out");
            }
        });
    }

    private void AssertReading(string contentType, string body, HeaderDictionary headers, int mostBytes)
    {
        var terms = Terms();
        var bytes = new ReadOnlySequence<byte>(Utf8(body));
        AssertAllocates(mostBytes, () =>
        {
            if (EventReader.Read(contentType, headers, bytes, terms, _batch) is { } fault)
            {
                Assert.Fail(fault.ToString());
            }
        });
    }

    private static void AssertAllocates(int mostBytes, Action action)
    {
        Repeat(action); // code is compiled, memory is of the pool
        var allocated = long.MaxValue;
        for (var attempt = 0; attempt < Attempts && allocated > (long)mostBytes * Rounds; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Repeat(action);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.InRange(allocated, 0, (long)mostBytes * Rounds);
    }

    private static void Repeat(Action action)
    {
        for (var i = 0; i < Rounds; i++)
        {
            action();
        }
    }
}
