using Lakou.Gateway.Actions.Compose;
using Lakou.Http;

namespace Lakou.Gateway.Tests.Actions.Compose;

public sealed class CacheTermsTests
{
    [Theory]
    [InlineData("", null)]
    [InlineData("Cache-Control: max-age=60", "max-age=60")]
    [InlineData("Cache-Control: MAX-AGE=60, Public, immutable, x=y", "max-age=60")]
    [InlineData("Cache-Control: max-age=60; Age: 20", "max-age=40")]
    [InlineData("Cache-Control: max-age=60; Age: 90", "max-age=0")]
    [InlineData("Cache-Control: max-age=60, max-age=30", "max-age=30")]
    [InlineData("Cache-Control: max-age=60; Cache-Control: no-cache", "no-cache, max-age=60")]
    [InlineData("Cache-Control: max-age=60, s-maxage=5", "max-age=5")]
    [InlineData("Cache-Control: s-maxage=5", null)]
    [InlineData("Cache-Control: max-age=\"60\"", "max-age=0")]
    [InlineData("Cache-Control: max-age=-1", "max-age=0")]
    [InlineData("Cache-Control: max-age", "max-age=0")]
    [InlineData("Cache-Control: max-age=99999999999999999999", "max-age=2147483648")]
    [InlineData("Cache-Control: private=\"a, no-store\"", "private")]
    [InlineData("Cache-Control: private=\"a, no-store, b\"", "no-store")]
    [InlineData("Cache-Control: x=\"max-age=90", null)]
    [InlineData("Cache-Control: must-revalidate, max-age=1", "must-revalidate, max-age=1")]
    [InlineData("Cache-Control: max-age=60, no-store", "no-store")]
    [InlineData("Cache-Control: max-age=60; Vary: *", "no-store")]
    public void One_answer_allows_what_it_says(string fields, string? told) => Assert.Equal(told, CacheTerms.Of(Table(fields), []).ToString());

    [Theory]
    [InlineData("Cache-Control: max-age=60", "Cache-Control: max-age=30", "max-age=30")]
    [InlineData("Cache-Control: max-age=60", "", null)]
    [InlineData("Cache-Control: max-age=60", "Cache-Control: private", "private")]
    [InlineData("Cache-Control: no-cache", "Cache-Control: no-store", "no-store")]
    public void Several_allow_what_each_does_in_any_order(string one, string other, string? told)
    {
        var (left, right) = (CacheTerms.Of(Table(one), []), CacheTerms.Of(Table(other), []));
        Assert.Equal(told, CacheTerms.Free.And(left).And(right).ToString());
        Assert.Equal(told, CacheTerms.Free.And(right).And(left).ToString());
    }

    [Fact]
    public void An_answer_depends_on_what_its_endpoint_could_see()
    {
        var one = CacheTerms.Of(Table("Vary: accept-language, Accept-Encoding; Vary: Origin"), ["Accept-Language", "Authorization"]);
        var other = CacheTerms.Of(Table("Vary: Authorization, Accept-Language"), ["Accept-Language", "Authorization"]);
        Assert.Equal("accept-language, Authorization", one.And(other).Vary);
    }

    [Fact]
    public void Nothing_at_all_has_nothing_to_say() => Assert.Null(CacheTerms.Free.ToString());

    private static FieldTable Table(string fields)
    {
        var table = new FieldTable();
        foreach (var line in fields.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            table.Append(line[..line.IndexOf(':', StringComparison.Ordinal)], line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
        }

        return table;
    }
}
