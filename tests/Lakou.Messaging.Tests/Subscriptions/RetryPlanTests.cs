using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Tests.Subscriptions;

public sealed class RetryPlanTests
{
    private static readonly Jitter None = new(JitterKind.None);

    // Everything that options can say.
    private static readonly Gen<RetryPlan> Plans =
        from first in Gen.Choose(10, 86_400_000)
        from cap in Gen.Choose(first, 604_800_000)
        from factor in Gen.Choose(100, 1000)
        from kind in Gen.Elements(JitterKind.Full, JitterKind.Equal, JitterKind.None, JitterKind.Share)
        from share in Gen.Choose(0, 100)
        select new RetryPlan(
            TimeSpan.FromMilliseconds(first), factor / 100d, TimeSpan.FromMilliseconds(cap), 1000, new(kind, kind == JitterKind.Share ? share / 100d : 0), []);

    [Fact]
    public void Waits_grow_by_the_factor_to_the_cap()
    {
        var plan = Growing(None);
        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900], Enumerable.Range(1, 12).Select(attempt => Delay(plan, attempt)));
    }

    [Fact]
    public void A_schedule_is_kept_and_its_last_wait_repeats()
    {
        var plan = Growing(None) with { Schedule = [TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5)] };
        Assert.Equal([5, 300, 300, 300], Enumerable.Range(1, 4).Select(attempt => Delay(plan, attempt)));
    }

    [Fact]
    public void No_number_of_attempts_is_too_large()
    {
        Assert.Equal(900, Delay(Growing(None), 1000));
        Assert.Equal(900, Delay(Growing(None), int.MaxValue));
        Assert.Equal(1, Delay(Growing(None) with { Factor = 1 }, int.MaxValue));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Attempts_count_from_1(int attempt)
        => Assert.Throws<ArgumentOutOfRangeException>(() => Growing(None).DelayAfter(attempt, new Random(1)));

    [Fact]
    public void Waits_without_jitter_never_shrink_and_stay_between_first_and_cap() => Prop.ForAll(Plans.ToArbitrary(), plan =>
    {
        plan = plan with { Jitter = None };
        var waits = Enumerable.Range(1, 1000).Select(attempt => plan.DelayAfter(attempt, new Random(1))).ToArray();
        return waits[0] == plan.First && waits.All(wait => wait <= plan.Cap) && waits.Zip(waits.Skip(1)).All(pair => pair.First <= pair.Second);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Jitter_keeps_its_bounds() => Prop.ForAll(Plans.ToArbitrary(), Gen.Choose(1, 1000).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (plan, attempt, seed) =>
    {
        var nominal = (plan with { Jitter = None }).DelayAfter(attempt, new Random(seed));
        var (from, to) = plan.Jitter.Kind switch
        {
            JitterKind.Full => (TimeSpan.Zero, nominal),
            JitterKind.Equal => (nominal / 2, nominal),
            JitterKind.Share => (nominal * (1 - plan.Jitter.Share), nominal * (1 + plan.Jitter.Share)),
            _ => (nominal, nominal),
        };
        var wait = plan.DelayAfter(attempt, new Random(seed));
        return wait >= from && wait <= to;
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(nameof(JitterKind.Full), 0, 0, 900)]
    [InlineData(nameof(JitterKind.Equal), 0, 450, 900)]
    [InlineData(nameof(JitterKind.Share), 0.2, 720, 1080)]
    public void Jitter_uses_all_of_its_range(string kind, double share, double from, double to)
    {
        var random = new Random(7);
        var plan = Growing(new(Enum.Parse<JitterKind>(kind), share));
        var waits = Enumerable.Range(0, 10_000).Select(_ => plan.DelayAfter(20, random).TotalSeconds).ToArray();
        var width = to - from;
        Assert.InRange(waits.Min(), from, from + (width / 100));
        Assert.InRange(waits.Max(), to - (width / 100), to);

        // The mean of 10,000 is off by width * 0.0029 (one standard deviation); this is 7 of them.
        Assert.InRange(waits.Average(), from + (width * 0.48), from + (width * 0.52));
    }

    private static RetryPlan Growing(Jitter jitter) => new(TimeSpan.FromSeconds(1), 2, TimeSpan.FromMinutes(15), 20, jitter, []);

    private static double Delay(RetryPlan plan, int attempt) => plan.DelayAfter(attempt, new Random(1)).TotalSeconds;
}
