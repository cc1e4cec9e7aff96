using FsCheck;
using FsCheck.Fluent;
using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("250us", 2_500)]
    [InlineData("250ms", 2_500_000)]
    [InlineData("5s", 50_000_000)]
    [InlineData("1h30m", 54_000_000_000)]
    [InlineData("7d", 6_048_000_000_000)]
    [InlineData("1d1h1m1s1ms1us", 900_610_010_010)]
    [InlineData("0s", 0)]
    [InlineData("99999999999d", long.MaxValue)]
    [InlineData("99999999999999999999s", long.MaxValue)]
    public void Durations_are_read(string text, long ticks)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(ticks, duration.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("-5s")]
    [InlineData("1.5s")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("1m1h")]
    [InlineData("1s1s")]
    [InlineData("1w")]
    [InlineData("1s2")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData("30s")]
    [InlineData("1m")]
    [InlineData("1h30m")]
    [InlineData("1500ms")]
    [InlineData("1500us")]
    [InlineData("1d12h")]
    [InlineData("0s")]
    public void Durations_are_written_as_people_do(string text)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(text, Durations.Format(duration));
    }

    [Fact]
    public void A_written_duration_reads_as_itself() => Prop.ForAll(
        ArbMap.Default.GeneratorFor<long>().Select(n => TimeSpan.FromTicks((n & long.MaxValue) / 10 * 10)).ToArbitrary(),
        duration => Durations.TryParse(Durations.Format(duration), out var read) && read == duration).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("0", 0)]
    [InlineData("7B", 7)]
    [InlineData("64KiB", 65_536)]
    [InlineData("10MB", 10_000_000)]
    [InlineData("2GiB", 2_147_483_648)]
    [InlineData("99999999999999GiB", long.MaxValue)]
    [InlineData("9999999999999999999", long.MaxValue)]
    public void Sizes_are_read(string text, long bytes)
    {
        Assert.True(Sizes.TryParse(text, out var size));
        Assert.Equal(bytes, size);
    }

    [Theory]
    [InlineData("")]
    [InlineData("KiB")]
    [InlineData("-1")]
    [InlineData("1kb")]
    [InlineData("1.5MiB")]
    [InlineData("1 MiB")]
    public void What_is_no_size_is_refused(string text) => Assert.False(Sizes.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0B")]
    [InlineData(513, "513B")]
    [InlineData(65_536, "64KiB")]
    [InlineData(100_000_000, "100MB")]
    public void Sizes_are_written_in_the_largest_fitting_unit(long bytes, string text) => Assert.Equal(text, Sizes.Format(bytes));

    [Fact]
    public void A_written_size_reads_as_itself() => Prop.ForAll<long>(
        n => Sizes.TryParse(Sizes.Format(n & long.MaxValue), out var read) && read == (n & long.MaxValue)).QuickCheckThrowOnFailure();
}
