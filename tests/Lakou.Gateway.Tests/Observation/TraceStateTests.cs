using Lakou.Gateway.Observation;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Tests.Observation;

/// <summary>The rules of the W3C validation suite for <c>tracestate</c>.</summary>
public sealed class TraceStateTests
{
    private const string KeyCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";

    private static readonly string s_valueCharacters = string.Concat(Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not (',' or '=')));

    [Fact]
    public void It_is_kept_with_a_valid_traceparent_and_never_without()
    {
        Assert.Equal("a=1,b=2", TraceContext.Continue("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "a=1,b=2").State);
        Assert.Null(TraceContext.Continue(default, "a=1,b=2").State);
    }

    [Fact]
    public void A_malformed_one_does_not_touch_the_traceparent()
    {
        TraceContext trace = TraceContext.Continue("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "A=1");
        Assert.Null(trace.State);
        Assert.Equal(0x00f067aa0ba902b7UL, trace.ParentId);
    }

    [Fact]
    public void Several_lines_become_one_in_their_order() =>
        Assert.Equal("foo=1,bar=2,rojo=1,congo=2,baz=3", TraceState.Combine(new StringValues(["foo=1,bar=2", "rojo=1,congo=2", "baz=3"])));

    [Theory]
    [InlineData("", null)]
    [InlineData(" \t ", null)]
    [InlineData(",", null)]
    [InlineData("foo=1,,bar=2", "foo=1,bar=2")]
    [InlineData(",foo=1, \t,", "foo=1")]
    [InlineData("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3")]
    [InlineData("foo=1\t \t,\t \tbar=2", "foo=1,bar=2")]
    [InlineData("\t foo=1 \t", "foo=1")]
    [InlineData("foo= 1", "foo= 1")]
    [InlineData("foo=1,foo=1", "foo=1,foo=1")]
    [InlineData("foo=a;b", "foo=a;b")]
    [InlineData("foo=1,foo=2", "foo=1,foo=2")]
    [InlineData("foo@=1,bar=2", "foo@=1,bar=2")]
    [InlineData("foo@@bar=1,bar=2", "foo@@bar=1,bar=2")]
    [InlineData("foo@bar@baz=1,bar=2", "foo@bar@baz=1,bar=2")]
    [InlineData("0key=1", "0key=1")]
    public void White_space_and_empty_members_do_not_count_and_the_rest_is_kept(string line, string? kept) => Assert.Equal(kept, TraceState.Combine(line));

    [Fact]
    public void Empty_lines_do_not_count()
    {
        Assert.Equal("foo=1", TraceState.Combine(new StringValues(["foo=1", ""])));
        Assert.Equal("foo=1", TraceState.Combine(new StringValues(["", "foo=1"])));
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("=1")]
    [InlineData("foo =1")]
    [InlineData("FOO=1")]
    [InlineData("foo.bar=1")]
    [InlineData("@foo=1,bar=2")]
    [InlineData("_foo=1")]
    [InlineData("foo=bar=baz")]
    [InlineData("foo=,bar=3")]
    [InlineData("foo= ,bar=3")]
    [InlineData("foo=a\tb")]
    [InlineData("foo=é")]
    [InlineData("foo=\u007f")]
    public void One_malformed_member_drops_it_whole(string line) => Assert.Null(TraceState.Combine($"good=1,{line}"));

    [Fact]
    public void All_allowed_characters_are_kept()
    {
        string line = $"{KeyCharacters}={s_valueCharacters},{KeyCharacters}@a-z0-9_-*/={s_valueCharacters}";
        Assert.Equal(line, TraceState.Combine(line));
    }

    [Fact]
    public void Thirty_two_members_are_kept_and_thirty_three_drop_it_whole()
    {
        string[] members = [.. Enumerable.Range(1, 33).Select(i => $"bar{i:00}={i:00}")];
        Assert.Equal(string.Join(',', members[..32]), TraceState.Combine(new StringValues([.. members[..32].Chunk(10).Select(chunk => string.Join(',', chunk))])));
        Assert.Null(TraceState.Combine(string.Join(',', members)));
    }

    [Theory]
    [InlineData(256, 256, true)]
    [InlineData(257, 1, false)]
    [InlineData(1, 257, false)]
    public void Keys_and_values_have_at_most_256_characters(int key, int value, bool kept)
    {
        string line = $"{new string('z', key)}={new string('v', value)}";
        Assert.Equal(kept ? line : null, TraceState.Combine(line));
    }

    [Theory]
    [InlineData(241, 14)]
    [InlineData(242, 1)]
    [InlineData(1, 15)]
    public void An_at_sign_may_stand_anywhere_in_a_key_but_first(int before, int after)
    {
        string line = $"foo=1,{new string('t', before)}@{new string('v', after)}=1";
        Assert.Equal(line, TraceState.Combine(line));
    }

    [Fact]
    public void When_too_long_members_of_more_than_128_characters_go_first_then_the_last()
    {
        string[] members = [.. Enumerable.Range(0, 32).Select(i => $"k{i:00}=" + new string('v', i == 3 ? 256 : 123))]; // 32 × 129 + 133 - 1
        Assert.Equal(string.Join(',', members.Where((_, i) => i != 3)), TraceState.Combine(string.Join(',', members)));

        members = [.. Enumerable.Range(0, 32).Select(i => $"k{i:00}=" + new string('v', 124))]; // 32 × 129 - 1 = 4127
        Assert.Equal(string.Join(',', members[..31]), TraceState.Combine(string.Join(',', members)));
    }
}
