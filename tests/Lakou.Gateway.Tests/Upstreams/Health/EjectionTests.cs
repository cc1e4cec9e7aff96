using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>The arithmetic of ejections.</summary>
public sealed class EjectionTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(1, 1.0, 0)]
    [InlineData(2, 0.5, 1)]
    [InlineData(2, 0.0, 1)]
    [InlineData(3, 0.5, 1)]
    [InlineData(4, 0.5, 2)]
    [InlineData(5, 0.5, 2)]
    [InlineData(100, 0.29, 29)]
    [InlineData(30, 0.1, 3)]
    [InlineData(3, 1.0, 3)]
    [InlineData(0, 1.0, 0)]
    public void So_many_may_be_ejected_at_a_time(int endpoints, double share, int most) => Assert.Equal(most, Ejection.Most(endpoints, share));

    [Fact]
    public void Each_ejection_in_a_row_is_longer_up_to_the_most()
    {
        var ejection = new Ejection();
        var options = new PassiveOptions { EjectFor = TimeSpan.FromSeconds(30), MaxEjectFor = TimeSpan.FromSeconds(100) };
        Assert.Equal([30, 60, 90, 100, 100], Enumerable.Range(0, 5).Select(_ => Seconds(ejection, options)));
    }

    [Fact]
    public void Every_span_in_service_takes_one_back()
    {
        var ejection = new Ejection();
        var options = new PassiveOptions();
        Assert.Equal([30, 60, 90], Enumerable.Range(0, 3).Select(_ => Seconds(ejection, options)));
        _time.Advance(TimeSpan.FromSeconds(61)); // two
        Assert.Equal(60, Seconds(ejection, options));
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(30, Seconds(ejection, options));
    }

    [Fact]
    public void The_longest_times_do_not_overflow()
    {
        var ejection = new Ejection();
        var options = new PassiveOptions { EjectFor = TimeSpan.FromMilliseconds(100), MaxEjectFor = TimeSpan.FromDays(7) };
        for (var i = 0; i < 10_000; i++)
        {
            Seconds(ejection, options);
        }

        Assert.Equal(1000.1, Seconds(ejection, options), 3);
        var longest = new PassiveOptions { EjectFor = TimeSpan.FromDays(1), MaxEjectFor = TimeSpan.FromDays(7) };
        for (var i = 0; i < 100; i++)
        {
            Assert.InRange(Seconds(ejection, longest), 0, TimeSpan.FromDays(7).TotalSeconds);
        }

        Assert.Equal(TimeSpan.FromDays(7).TotalSeconds, Seconds(ejection, longest));
    }

    /// <summary>How long the next one lasts; it ends at once.</summary>
    private double Seconds(Ejection ejection, PassiveOptions options)
    {
        var now = _time.GetTimestamp();
        ejection.Begin("x", options, now, _time);
        ejection.End(now);
        return TimeSpan.FromTicks(ejection.Until - now).TotalSeconds;
    }
}
