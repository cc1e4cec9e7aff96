using Lakou.Core.Time;

namespace Lakou.Core.Tests.Time;

public sealed class UnixTimeTests
{
    [Theory]
    [InlineData("1970-01-01T00:00:00Z", 0)]
    [InlineData("1970-01-01T01:00:00.000001+01:00", 1)]
    [InlineData("1969-12-31T23:59:59.999999Z", -1)]
    [InlineData("2026-02-03T04:05:06.789012Z", 1_770_091_506_789_012)]
    public void Microseconds_are_exact_both_ways(string at, long microseconds)
    {
        var time = DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(microseconds, UnixTime.Microseconds(time));
        Assert.Equal(time, UnixTime.FromMicroseconds(microseconds));
    }
}
