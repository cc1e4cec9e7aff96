using System.Text;
using Lakou.Gateway.Observation;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Tests.Observation;

/// <summary>The rules of the W3C validation suite (test/test.py), one by one, and the ladders it does not climb.</summary>
public sealed class TraceContextTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = "00f067aa0ba902b7";
    private const string Valid = $"00-{Trace}-{Parent}-01";

    [Fact]
    public void Without_a_traceparent_a_trace_is_started()
    {
        TraceContext trace = TraceContext.Continue(default, default);
        AssertStarted(trace);
        Assert.NotEqual(trace.ToString(), TraceContext.Continue(default, default).ToString());
    }

    [Fact]
    public void A_valid_traceparent_is_continued_under_a_span_id_of_its_own()
    {
        TraceContext trace = TraceContext.Continue(Valid, default);
        Assert.StartsWith($"00-{Trace}-", trace.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("-01", trace.ToString(), StringComparison.Ordinal);
        Assert.Equal(0x00f067aa0ba902b7UL, trace.ParentId);
        Assert.NotEqual(trace.ParentId, trace.SpanId);
        Assert.NotEqual(0UL, trace.SpanId);
    }

    [Fact]
    public void Each_upstream_request_has_a_span_id_of_its_own()
    {
        TraceContext trace = TraceContext.Continue(Valid, "a=1");
        TraceContext first = trace.Child();
        TraceContext second = trace.Child();
        Assert.Equal(3, new[] { trace.SpanId, first.SpanId, second.SpanId }.Distinct().Count());
        Assert.Equal(trace.SpanId, first.ParentId);
        Assert.StartsWith($"00-{Trace}-", first.ToString(), StringComparison.Ordinal);
        Assert.Equal("a=1", first.State);
    }

    [Theory]
    [InlineData("")]
    [InlineData($"00-{Trace}-{Parent}-01.")]
    [InlineData($"00-{Trace}-{Parent}-01-")]
    [InlineData($"00-{Trace}-{Parent}-01-what-comes-later")]
    [InlineData($"cc-{Trace}-{Parent}-01.what-comes-later")]
    [InlineData($"ff-{Trace}-{Parent}-01")]
    [InlineData($"ff-{Trace}-{Parent}-01-what-comes-later")]
    [InlineData($".0-{Trace}-{Parent}-01")]
    [InlineData($"0.-{Trace}-{Parent}-01")]
    [InlineData($"000-{Trace}-{Parent}-01")]
    [InlineData($"0000-{Trace}-{Parent}-01")]
    [InlineData($"0-{Trace}-{Parent}-01")]
    [InlineData($"00-00000000000000000000000000000000-{Parent}-01")]
    [InlineData($"00-.bf92f3577b34da6a3ce929d0e0e4736-{Parent}-01")]
    [InlineData($"00-4bf92f3577b34da6a3ce929d0e0e473.-{Parent}-01")]
    [InlineData($"00-4BF92F3577B34DA6A3CE929D0E0E4736-{Parent}-01")]
    [InlineData($"00-{Trace}a-{Parent}-01")]
    [InlineData($"00-4bf92f3577b34da6a3ce929d0e0e473-{Parent}-01")]
    [InlineData($"00-{Trace}-0000000000000000-01")]
    [InlineData($"00-{Trace}-.0f067aa0ba902b7-01")]
    [InlineData($"00-{Trace}-00f067aa0ba902b.-01")]
    [InlineData($"00-{Trace}-00F067AA0BA902B7-01")]
    [InlineData($"00-{Trace}-{Parent}7-01")]
    [InlineData($"00-{Trace}-00f067aa0ba902b-01")]
    [InlineData($"00-{Trace}-{Parent}-.0")]
    [InlineData($"00-{Trace}-{Parent}-0.")]
    [InlineData($"00-{Trace}-{Parent}-001")]
    [InlineData($"00-{Trace}-{Parent}-1")]
    [InlineData($"00-{Trace}-{Parent}- 1")]
    [InlineData($"00_{Trace}-{Parent}-01")]
    [InlineData($"{Valid},{Valid}")]
    [InlineData($"cc-{Trace}-{Parent}-01,cc-{Trace}-{Parent}-01")]
    public void An_invalid_traceparent_starts_a_new_trace_and_takes_its_tracestate_with_it(string traceparent)
    {
        TraceContext trace = TraceContext.Continue(traceparent, "a=1");
        AssertStarted(trace);
        Assert.Null(trace.State);
    }

    [Fact]
    public void Every_shorter_traceparent_is_invalid()
    {
        for (int length = 0; length < Valid.Length; length++)
        {
            AssertStarted(TraceContext.Continue(Valid[..length], default));
        }
    }

    [Fact]
    public void Any_character_of_a_traceparent_made_a_letter_beyond_f_makes_it_invalid()
    {
        for (int i = 0; i < Valid.Length; i++)
        {
            AssertStarted(TraceContext.Continue(Valid[..i] + 'g' + Valid[(i + 1)..], default));
        }
    }

    [Fact]
    public void More_than_one_traceparent_starts_a_new_trace()
    {
        AssertStarted(TraceContext.Continue(new StringValues([Valid, Valid]), "a=1"));
        AssertStarted(TraceContext.Continue(new StringValues([Valid, ""]), "a=1"));
    }

    [Theory]
    [InlineData($"cc-{Trace}-{Parent}-01")]
    [InlineData($"cc-{Trace}-{Parent}-01-what-comes-later")]
    [InlineData($"01-{Trace}-{Parent}-01-")]
    public void A_higher_version_is_continued_as_version_00(string traceparent) =>
        Assert.StartsWith($"00-{Trace}-", TraceContext.Continue(traceparent, default).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData($" {Valid}")]
    [InlineData($"\t{Valid}")]
    [InlineData($"{Valid} ")]
    [InlineData($"{Valid}\t")]
    [InlineData($"\t {Valid} \t")]
    public void White_space_around_a_traceparent_does_not_count(string traceparent) =>
        Assert.StartsWith($"00-{Trace}-", TraceContext.Continue(traceparent, default).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("00", "00", false, false)]
    [InlineData("01", "01", true, false)]
    [InlineData("02", "02", false, true)]
    [InlineData("03", "03", true, true)]
    [InlineData("fd", "01", true, false)]
    [InlineData("ff", "03", true, true)]
    public void The_two_known_flags_are_passed_on_and_others_cleared(string received, string sent, bool sampled, bool random)
    {
        TraceContext trace = TraceContext.Continue($"00-{Trace}-{Parent}-{received}", default).Child();
        Assert.EndsWith("-" + sent, trace.ToString(), StringComparison.Ordinal);
        Assert.Equal(sampled, trace.Sampled);
        Assert.Equal(random, trace.RandomTraceId);
    }

    [Fact]
    public void Default_is_no_trace()
    {
        Assert.False(default(TraceContext).Exists);
        Assert.True(TraceContext.Start().Exists);
    }

    [Fact]
    public void Bytes_and_text_agree()
    {
        TraceContext trace = TraceContext.Start();
        byte[] bytes = new byte[TraceContext.TraceparentLength];
        Assert.Equal(bytes.Length, trace.WriteTraceparent(bytes));
        Assert.Equal(trace.ToString(), Encoding.ASCII.GetString(bytes));
        byte[] id = new byte[TraceContext.TraceIdLength];
        trace.WriteTraceId(id);
        Assert.Equal(trace.ToString().Substring(3, 32), Encoding.ASCII.GetString(id));
        Assert.True(Traceparent.TryParse(trace.ToString(), out TraceContext read));
        Assert.Equal(trace.SpanId, read.SpanId);
    }

    private static void AssertStarted(TraceContext trace)
    {
        Assert.True(trace.Exists);
        Assert.Equal(0UL, trace.ParentId);
        Assert.Matches("^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-02$", trace.ToString());
        Assert.DoesNotContain(Trace, trace.ToString(), StringComparison.Ordinal);
    }
}
