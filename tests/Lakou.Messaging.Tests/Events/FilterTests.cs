using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Messaging.Events;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

public sealed class FilterTests
{
    [Theory]
    [InlineData("{}", true)]
    [InlineData("{ type: order.paid }", true)]
    [InlineData("{ type: order.pai }", false)]
    [InlineData("{ type: order.paid.twice }", false)]
    [InlineData("{ type: order.* }", true)]
    [InlineData("{ type: order.paid* }", true)]
    [InlineData("{ type: order.paid.* }", false)]
    [InlineData("{ type: Order.* }", false)]
    [InlineData("{ type: '*' }", true)]
    [InlineData("{ source: /shop, type: order.*, subject: 'a*', region: [us, eu] }", true)]
    [InlineData("{ source: /shop, type: order.*, subject: 'b*', region: [us, eu] }", false)]
    [InlineData("{ region: [us, asia] }", false)]
    [InlineData("{ region: [us, 'e*'] }", true)]
    [InlineData("{ missing: '*' }", false)]
    [InlineData("{ empty: '*' }", true)]
    [InlineData("{ priority: 7 }", true)]
    [InlineData("{ priority: [1, 7] }", true)]
    [InlineData("{ flag: true }", true)]
    [InlineData("{ flag: false }", false)]
    [InlineData("{ subject: 'a€' }", true)]
    [InlineData("{ id: '1' }", true)]
    public void All_attributes_must_match_each_by_any_of_its_values(string yaml, bool matches)
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, Structured, Utf8(
            """{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid","subject":"a€","region":"eu","priority":7,"flag":true,"empty":"","data":{"missing":1}}""")));
        var frame = new EventFrame(batch.Frames.Span);
        var options = FromYaml(yaml);

        Assert.Equal(matches, new EventFilter(options).Matches(frame));

        // As JSON the same filter means the same, its numbers and booleans quoted or not.
        Assert.Null(EventFilterOptions.Parse(JsonSerializer.SerializeToUtf8Bytes(options.Attributes), out var parsed)?.ToString());
        Assert.Equal(matches, new EventFilter(parsed).Matches(frame));
        Assert.Null(EventFilterOptions.Parse(Utf8(JsonSerializer.Serialize(options.Attributes).Replace("\"7\"", "7", StringComparison.Ordinal).Replace("\"true\"", "true", StringComparison.Ordinal)), out parsed)?.ToString());
        Assert.Equal(matches, new EventFilter(parsed).Matches(frame));
    }

    [Theory]
    [InlineData("{ Type: x }", "lakou.yaml:1:11 filter.Type: 'Type' is not allowed; a name is 1 to 64 of a-z and 0-9, and not 'data' or 'specversion', which is always 1.0")]
    [InlineData("{ data: x }", "lakou.yaml:1:11 filter.data: 'data' is not allowed; a name is 1 to 64 of a-z and 0-9, and not 'data' or 'specversion', which is always 1.0")]
    [InlineData("{ specversion: 1.0 }", "lakou.yaml:1:11 filter.specversion: 'specversion' is not allowed; a name is 1 to 64 of a-z and 0-9, and not 'data' or 'specversion', which is always 1.0")]
    [InlineData("{ type: 'a*b' }", "lakou.yaml:1:17 filter.type: a*b is not allowed; '*' stands only at the end, for any rest")]
    [InlineData("{ type: '**' }", "lakou.yaml:1:17 filter.type: ** is not allowed; '*' stands only at the end, for any rest")]
    [InlineData("{ type: '' }", "lakou.yaml:1:17 filter.type: must not be empty")]
    [InlineData("{ type: [] }", "lakou.yaml:1:17 filter.type: 0 entries are not allowed; 1 to 256 entries")]
    [InlineData("{ type: { a: b } }", "lakou.yaml:1:17 filter.type: expected a list or text, not a map")]
    public void A_wrong_option_is_told_with_its_place(string yaml, string problem)
    {
        var problems = new Problems();
        var document = ConfigDocument.Parse("lakou.yaml", $"filter: {yaml}", ReferenceSource.None, problems);
        Assert.False(Shapes.Map(EventFilterOptions.Shape).TryRead(document.Root!, problems, out _));
        Assert.Equal([problem], problems.All.Select(p => p.ToString()));
    }

    [Theory]
    [InlineData("", "not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 1")]
    [InlineData("[]", "not a filter; an object of attributes and their values")]
    [InlineData("{", "not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 2")]
    [InlineData("{} {}", "not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 4")]
    [InlineData("{\"Type\":\"x\"}", "'Type': is not allowed; a name is 1 to 64 of a-z and 0-9, and not 'data' or 'specversion', which is always 1.0")]
    [InlineData("{\"specversion\":\"1.0\"}", "'specversion': is not allowed; a name is 1 to 64 of a-z and 0-9, and not 'data' or 'specversion', which is always 1.0")]
    [InlineData("{\"type\":\"x\",\"type\":\"y\"}", "'type': there twice; once")]
    [InlineData("{\"type\":\"a*b\"}", "'type': 'a*b' is not allowed; '*' stands only at the end, for any rest")]
    [InlineData("{\"type\":\"\"}", "'type': a value of 0 characters; 1 to 1024")]
    [InlineData("{\"type\":[]}", "'type': an empty list matches nothing; 1 to 256 values")]
    [InlineData("{\"type\":[[\"x\"]]}", "'type': expected a string, an integer, a boolean or a list of them")]
    [InlineData("{\"type\":{}}", "'type': expected a string, an integer, a boolean or a list of them")]
    [InlineData("{\"type\":null}", "'type': expected a string, an integer, a boolean or a list of them")]
    [InlineData("{\"type\":1.5}", "'type': expected a string, an integer, a boolean or a list of them")]
    [InlineData("{\"type\":\"\\ud800\"}", "half of a surrogate pair")]
    public void A_wrong_filter_in_a_request_is_refused(string json, string detail)
    {
        var fault = EventFilterOptions.Parse(Utf8(json), out _);
        Assert.Equal((EventFaults.BadFilter, detail), (fault!.Code, fault.Detail));
    }

    [Fact]
    public void A_filter_has_bounds()
    {
        string Names(int count) => $$"""{{{string.Join(',', Enumerable.Range(0, count).Select(i => $"\"x{i}\":1"))}}}""";
        string Values(int count) => $$"""{"x":[{{string.Join(',', Enumerable.Range(0, count))}}]}""";
        string Value(int length) => $$"""{"x":"{{new string('x', length)}}"}""";
        foreach (var (at, over) in new[] { (Names(64), Names(65)), (Values(256), Values(257)), (Value(1024), Value(1025)) })
        {
            Assert.Null(EventFilterOptions.Parse(Utf8(at), out _));
            Assert.NotNull(EventFilterOptions.Parse(Utf8(over), out _));
        }

        var problems = new Problems();
        Assert.False(EventFilterOptions.Shape.TryRead(ConfigDocument.Parse("f", Names(65), ReferenceSource.None, problems).Root!, problems, out _));
        Assert.Equal("a map is not allowed; at most 64 attributes", Assert.Single(problems.All).Message);
    }

    private static EventFilterOptions FromYaml(string yaml)
    {
        var problems = new Problems();
        var document = ConfigDocument.Parse("lakou.yaml", yaml, ReferenceSource.None, problems);
        var isRead = EventFilterOptions.Shape.TryRead(document.Root!, problems, out var options);
        Assert.Empty(problems.All.Select(p => p.ToString()));
        Assert.True(isRead);
        return options!;
    }
}
