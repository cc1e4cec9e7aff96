using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Configuration;
using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class ShapeTests
{
    private static readonly Shape<int> Permits = Shapes.Integer(1);
    private static readonly Shape<string> Balance = Shapes.Choice(("round-robin", "rr"), ("least-requests", "lr"), ("1.2", "x"));

    [Fact]
    public void Integers_are_whole_and_within_range()
    {
        Assert.Equal(7, Read(Permits, "7"));
        Assert.Equal(int.MaxValue, Read(Permits, "2147483647"));
        Assert.Equal("x: 0 is not allowed; 1 or more", Refusal(Permits, "0"));
        Assert.Equal("x: 5000 is not allowed; 1 to 100", Refusal(Shapes.Integer(1, 100), "5000"));
        Assert.Equal("x: 5 is not allowed; 3 or less", Refusal(Shapes.Integer(max: 3), "5"));
        Assert.Equal("x: 99999999999999999999 is not allowed; 1 to 2147483647", Refusal(Permits, "99999999999999999999"));
        Assert.All(["1.5", "+1", "010", "0x10", "1_000", "abc", "''", "٣"], text =>
            Assert.Equal($"x: expected a whole number, not {(text == "''" ? text : $"'{text}'")}", Refusal(Permits, text)));
        Assert.Equal("x: expected a whole number, not an empty value", Refusal(Permits, ""));
        Assert.Equal("x: expected a whole number, not a map", Refusal(Permits, "{}"));
        Assert.Equal("x: expected a whole number, not a list", Refusal(Permits, "[1]"));
    }

    [Fact]
    public void Numbers_and_shares_are_decimal()
    {
        Assert.Equal(-0.25, Read(Shapes.Number(), "-0.25"));
        Assert.Equal(0.2, Read(Shapes.Share(), "20%"));
        Assert.Equal(0.005, Read(Shapes.Share(), "0.5%"), 12);
        Assert.Equal("x: 150% is not allowed; 0% to 100%", Refusal(Shapes.Share(), "150%"));
        Assert.Equal("x: expected a share such as 20%, not '0.2'", Refusal(Shapes.Share(), "0.2"));
        Assert.Equal("x: 3 is not allowed; 0.5 to 2", Refusal(Shapes.Number(0.5, 2), "3"));
        Assert.All(["1e3", ".5", "1.", "NaN", "--1"], text => Assert.Equal($"x: expected a number such as 0.5, not '{text}'", Refusal(Shapes.Number(), text)));
    }

    [Fact]
    public void Flags_are_true_or_false_only()
    {
        Assert.True(Read(Shapes.Flag(), "true"));
        Assert.False(Read(Shapes.Flag(), "false"));
        Assert.All(["no", "yes", "on", "True", "1"], text => Assert.Equal($"x: expected true or false, not '{text}'", Refusal(Shapes.Flag(), text)));
    }

    [Fact]
    public void Durations_are_told_as_people_write_them()
    {
        Assert.Equal(TimeSpan.FromMinutes(90), Read(Shapes.Duration(), "1h30m"));
        Assert.Equal("x: expected a duration such as 5s or 250ms, not 'abc'", Refusal(Shapes.Duration(), "abc"));
        Assert.Equal("x: 2m is not allowed; 1ms to 30s", Refusal(Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30)), "2m"));
        Assert.Equal("x: 0s is not allowed; 1ms or more", Refusal(Shapes.Duration(TimeSpan.FromMilliseconds(1)), "0s"));
        Assert.Equal("x: 50d is not allowed; 1ms to 49d", Refusal(Shapes.Duration(TimeSpan.FromMilliseconds(1)), "50d"));
        Assert.Equal(TimeSpan.FromDays(400), Read(Shapes.Duration(max: TimeSpan.FromDays(1000)), "400d"));
    }

    [Fact]
    public void Sizes_are_bytes()
    {
        Assert.Equal(65536, Read(Shapes.Size(), "64KiB"));
        Assert.Equal(512, Read(Shapes.Size(), "512"));
        Assert.Equal("x: expected a size such as 64KiB, not '1 MiB'", Refusal(Shapes.Size(), "1 MiB"));
        Assert.Equal("x: 1KB is not allowed; 1KiB to 1MiB", Refusal(Shapes.Size(1024, 1 << 20), "1KB"));
    }

    [Fact]
    public void Texts_stay_as_written_whatever_they_look_like()
    {
        Assert.Equal("1.2", Read(Shapes.Text(), "1.2"));
        Assert.Equal("no", Read(Shapes.Text(), "no"));
        Assert.Equal("null", Read(Shapes.Text(), "'null'"));
        Assert.Equal("x: expected text, not an empty value", Refusal(Shapes.Text(), "null"));
        Assert.Equal("x: must not be empty", Refusal(Shapes.Text(), "''"));
        Assert.Equal("x: shorter than 3 characters", Refusal(Shapes.Text(3), "ab"));
        Assert.Equal("x: longer than 3 characters", Refusal(Shapes.Text(0, 3), "abcd"));
        Assert.Equal("x: expected a header name, not 'a b\\n'", Refusal(Shapes.Text(pattern: "[a-z]+", expected: "a header name"), "\"a b\\n\""));
        Assert.Equal("x: expected a header name, not 'ab\\n'", Refusal(Shapes.Text(pattern: "[a-z]+", expected: "a header name"), "\"ab\\n\""));
    }

    [Fact]
    public void What_a_message_quotes_is_clipped_and_cannot_leave_its_line()
    {
        Assert.Equal($"x: expected a whole number, not '{new string('a', 80)}…'", Refusal(Permits, new string('a', 81)));
        Assert.Equal("x: expected a whole number, not '\\u001b[2J\\'\\u202e'", Refusal(Permits, "\"\\e[2J'\\u202e\""));
    }

    [Fact]
    public void Choices_are_listed_and_the_nearest_is_suggested()
    {
        Assert.Equal("lr", Read(Balance, "least-requests"));
        Assert.Equal("x", Read(Balance, "1.2"));
        Assert.Equal("x: expected round-robin, least-requests or 1.2, not 'least-request'; did you mean 'least-requests'?", Refusal(Balance, "least-request"));
        Assert.Equal("x: expected round-robin, least-requests or 1.2, not 'zzz'", Refusal(Balance, "zzz"));
    }

    [Fact]
    public void Parsed_texts_have_a_grammar_of_their_own()
    {
        var hosts = Shapes.Parsed<Uri>("url", "a URL such as http://127.0.0.1:5001", (string text, [MaybeNullWhen(false)] out Uri uri) => Uri.TryCreate(text, UriKind.Absolute, out uri), uri => uri.ToString());

        Assert.Equal(new Uri("http://a/"), Read(hosts, "http://a"));
        Assert.Equal("x: expected a URL such as http://127.0.0.1:5001, not 'a b'", Refusal(hosts, "a b"));
    }

    [Fact]
    public void Lists_keep_their_order_and_count()
    {
        Assert.Equal([3, 1], Read(Shapes.List(Permits), "[3, 1]"));
        Assert.Equal("x[1]: 0 is not allowed; 1 or more", Refusal(Shapes.List(Permits), "[3, 0]"));
        Assert.Equal("x: expected a list, not '3'", Refusal(Shapes.List(Permits), "3"));
        Assert.Equal("x: expected a list, not an empty value", Refusal(Shapes.List(Permits), ""));
        Assert.Equal("x: 0 entries are not allowed; 1 entry or more", Refusal(Shapes.List(Permits, 1), "[]"));
        Assert.Equal("x: 3 entries are not allowed; at most 2 entries", Refusal(Shapes.List(Permits, max: 2), "[1, 1, 1]"));
        Assert.Equal("x: 1 entry is not allowed; 2 to 4 entries", Refusal(Shapes.List(Permits, 2, 4), "[1]"));
    }

    [Fact]
    public void Maps_keep_the_order_of_writing()
    {
        Assert.Equal(["z", "a", "m"], Read(Shapes.Named(Permits), "{ z: 1, a: 2, m: 3 }").Keys);
        Assert.Empty(Read(Shapes.Named(Permits), ""));
        Assert.Equal(1, Read(Shapes.Map(Permits), "{ X-Beta: 1 }")["X-Beta"]);
    }

    [Theory]
    [InlineData("Orders")]
    [InlineData("-a")]
    [InlineData("a/b")]
    [InlineData("é")]
    public void Names_are_lower_case_words(string name) => Assert.Equal(
        $"x.{name}: '{name}' is not allowed; a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
        Refusal(Shapes.Named(Permits), $"{{ {name}: 1 }}"));

    [Fact]
    public void Keys_of_a_map_may_have_a_rule()
    {
        var shape = Shapes.Map(Permits, key => key.StartsWith("X-", StringComparison.Ordinal), "X-something");

        Assert.Equal("x.a: 'a' is not allowed; X-something", Refusal(shape, "{ a: 1 }"));
    }

    [Fact]
    public void A_shape_may_be_written_in_two_ways()
    {
        var size = Shapes.Size(1).Or(Shapes.Choice(("off", 0L)), off => off);

        Assert.Equal(0, Read(size, "off"));
        Assert.Equal(1024, Read(size, "1KiB"));
        Assert.Equal("x: expected a size such as 64KiB or off, not 'of'", Refusal(size, "of"));
        Assert.Equal("x: expected a size such as 64KiB or off, not []".Replace("[]", "a list", StringComparison.Ordinal), Refusal(size, "[]"));
    }

    [Fact]
    public void Only_right_values_are_converted()
    {
        var first = Shapes.List(Permits, 1).As(list => list[0], n => [n]);

        Assert.Equal(3, Read(first, "[3]"));
        Assert.Equal("x: 0 entries are not allowed; 1 entry or more", Refusal(first, "[]"));
        Assert.Equal("x: 0 entries are not allowed; 1 entry or more", Refusal(Permits.Or(Shapes.List(Permits, 1), list => list[0]), "[]"));
    }

    [Fact]
    public void Variants_have_a_shape_each_and_false_switches_off()
    {
        var filters = Shapes.Variants([("rate-limit", Permits.Boxed(), ""), ("strip-prefix", Shapes.Text().Boxed(), "")]);

        Assert.Equal([KeyValuePair.Create("strip-prefix", (object?)"/a"), KeyValuePair.Create("rate-limit", (object?)3)], Read(filters, "{ strip-prefix: /a, rate-limit: 3 }"));
        Assert.Null(Read(filters, "{ strip-prefix: false }")["strip-prefix"]);
        Assert.Equal("false", Read(filters, "{ strip-prefix: 'false' }")["strip-prefix"]);
        Assert.Equal("x.rate-limt: unknown key 'rate-limt'; did you mean 'rate-limit'?", Refusal(filters, "{ rate-limt: 3 }"));
        Assert.Equal("x.rate-limit: expected a whole number, not 'true'", Refusal(filters, "{ rate-limit: true }"));
    }

    [Fact]
    public void Secrets_are_never_quoted()
    {
        Assert.Equal("x: expected a whole number, not '***'", Refusal(Shapes.Integer().Secret(), "hunter2"));
        Assert.Equal("x[0]: '***' is not allowed; 1 to 9", Refusal(Shapes.List(Shapes.Integer(1, 9)).Secret(), "[4711]"));
        Assert.Equal("x: expected a list, not '***'", Refusal(Shapes.List(Shapes.Text()).Secret(), "hunter2"));
        Assert.Equal("x: '***' is not allowed; an even number", Refusal(Shapes.Integer().Secret().Where(n => n % 2 == 0, "an even number"), "4711"));
        Assert.Equal("x: expected a size such as 64KiB or a share such as 20%, not '***'", Refusal(Shapes.Size().Secret().Or(Shapes.Share(), _ => 0), "hunter2"));
        Assert.Equal("hunter2", Read(Shapes.Text().Secret(), "hunter2"));
    }
}
