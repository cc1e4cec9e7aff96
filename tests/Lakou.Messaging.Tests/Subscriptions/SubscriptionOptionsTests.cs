using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests.Subscriptions;

public sealed class SubscriptionOptionsTests
{
    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var plan = Read("""
            mode: queue, order: key, start: latest, lease: 12h, retry: { first: 2s, factor: 1.5, cap: 7d, attempts: 1000, jitter: 20% },
            in-flight: 100000, window: 1000000, dead: { keep: 30d, max: 7 }, paused: true
            """);
        Assert.Equal((SubscriptionMode.Queue, SubscriptionOrder.Key, StartOptions.Latest, TimeSpan.FromHours(12)), (plan.Mode, plan.Order, plan.Start, plan.Lease));
        Assert.Equal((100_000, 1_000_000, TimeSpan.FromDays(30), 7, true), (plan.InFlight, plan.Window, plan.DeadKeep, plan.DeadMax, plan.Paused));
        Assert.Equal(
            (TimeSpan.FromSeconds(2), 1.5, TimeSpan.FromDays(7), 1000, new Jitter(JitterKind.Share, 0.2), 0),
            (plan.Retry.First, plan.Retry.Factor, plan.Retry.Cap, plan.Retry.Attempts, plan.Retry.Jitter, plan.Retry.Schedule.Count));
    }

    [Fact]
    public void A_subscription_that_names_its_topic_alone_has_defaults()
    {
        var plan = Read("");
        Assert.Equal((SubscriptionMode.Queue, SubscriptionOrder.None, StartOptions.Earliest, TimeSpan.FromSeconds(30)), (plan.Mode, plan.Order, plan.Start, plan.Lease));
        Assert.Equal((1_000, 65_536, TimeSpan.FromDays(14), 100_000, false), (plan.InFlight, plan.Window, plan.DeadKeep, plan.DeadMax, plan.Paused));
        Assert.Equal(
            (TimeSpan.FromSeconds(1), 2d, TimeSpan.FromMinutes(15), 20, Jitter.Full, 0),
            (plan.Retry.First, plan.Retry.Factor, plan.Retry.Cap, plan.Retry.Attempts, plan.Retry.Jitter, plan.Retry.Schedule.Count));
    }

    [Theory]
    [InlineData("")]
    [InlineData("mode: log")]
    public void A_filter_is_of_queues_and_logs(string mode)
    {
        Assert.NotNull(Read($"filter: {{ type: order.*, region: [eu, us] }}{(mode.Length > 0 ? ", " : "")}{mode}").Filter);
        Assert.Null(Read(mode).Filter);
    }

    [Theory]
    [InlineData("earliest", "earliest")]
    [InlineData("latest", "latest")]
    [InlineData("{ offset: 0 }", "offset 0")]
    [InlineData("{ offset: 18446744073709551615 }", "offset 18446744073709551615")]
    [InlineData("{ time: 2026-01-31T12:00:00Z }", "time 2026-01-31T12:00:00.0000000+00:00")]
    [InlineData("{ time: 2026-01-31T12:00:00.25+01:00 }", "time 2026-01-31T12:00:00.2500000+01:00")]
    public void A_start_is_a_word_or_a_place(string written, string start) => Assert.Equal(start, Read($"start: {written}").Start.ToString());

    [Theory]
    [InlineData("schedule: [5s, 5m, 30m]", 4)]
    [InlineData("schedule: [0s]", 2)]
    [InlineData("schedule: [5s, 5m], attempts: 2", 2)]
    [InlineData("schedule: [5s, 5m], attempts: 9", 9)]
    public void A_schedule_has_an_attempt_more_than_waits_unless_it_says(string retry, int attempts)
        => Assert.Equal(attempts, Read($"retry: {{ {retry} }}").Retry.Attempts);

    [Fact]
    public void A_list_is_a_schedule()
        => Assert.Equal([TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5)], Read("retry: [5s, 5m]").Retry.Schedule);

    [Theory]
    [InlineData("filter: { Type: a }", "filter.Type: 'Type' is not allowed; ")]
    [InlineData("filter: { type: \"*.paid\" }", "filter.type: ")]
    [InlineData("lease: 999ms", "lease: 999ms is not allowed; 1s to 12h")]
    [InlineData("lease: 13h", "lease: 13h is not allowed; 1s to 12h")]
    [InlineData("in-flight: 0", "in-flight: 0 is not allowed; 1 to 100000")]
    [InlineData("window: 1023", "window: 1023 is not allowed; 1024 to 1000000")]
    [InlineData("in-flight: 2000, window: 1024", ": 'in-flight' 2000 is more than 'window' 1024, and none is leased that is not in view; raise 'window' or lower 'in-flight'")]
    [InlineData("dead: { keep: 1s }", "dead.keep: 1s is not allowed; 1m to 3650d")]
    [InlineData("start: now", "start: expected earliest or latest, not 'now'")]
    [InlineData("start: {}", "start: a start is one place; write one of earliest, latest, { offset: 1000 } and { time: 2026-01-31T12:00:00Z }")]
    [InlineData("start: { offset: 1, time: 2026-01-31T12:00:00Z }", "start: a start is one place; write one of earliest, latest, { offset: 1000 } and { time: 2026-01-31T12:00:00Z }")]
    [InlineData("start: { offset: -1 }", "start.offset: expected an offset, a whole number from 0, not '-1'")]
    [InlineData("start: { offset: 010 }", "start.offset: expected an offset, a whole number from 0, not '010'")]
    [InlineData("start: { time: 2026-01-31 }", "start.time: expected a time such as 2026-01-31T12:00:00Z, not '2026-01-31'")]
    [InlineData("start: { time: 2026-01-31T12:00:00 }", "start.time: expected a time such as 2026-01-31T12:00:00Z, not '2026-01-31T12:00:00'")]
    [InlineData("start: { time: 2026-02-30T12:00:00Z }", "start.time: expected a time such as 2026-01-31T12:00:00Z, not '2026-02-30T12:00:00Z'")]
    [InlineData("retry: { first: 9ms }", "retry.first: 9ms is not allowed; 10ms to 1d")]
    [InlineData("retry: { factor: 0.5 }", "retry.factor: 0.5 is not allowed; 1 to 10")]
    [InlineData("retry: { cap: 8d }", "retry.cap: 8d is not allowed; 10ms to 7d")]
    [InlineData("retry: { attempts: 0 }", "retry.attempts: 0 is not allowed; 1 to 1000")]
    [InlineData("retry: { first: 1h }", "retry: 'cap' 15m is shorter than 'first' 1h; raise 'cap' or lower 'first'")]
    [InlineData("retry: { jitter: some }", "retry.jitter: expected full, equal or none or a share such as 20%, not 'some'")]
    [InlineData("retry: { jitter: 101% }", "retry.jitter: expected full, equal or none or a share such as 20%, not '101%'")]
    [InlineData("retry: { schedule: [5s], cap: 1m }", "retry.cap: 'schedule' says every wait; remove 'cap', or 'schedule'")]
    [InlineData("retry: { schedule: [] }", "retry.schedule: 0 entries are not allowed; 1 to 100 entries")]
    [InlineData("mode: log, lease: 1m", "lease: a log has no 'lease'; remove it, or write mode: queue")]
    [InlineData("mode: log, order: key", "order: a log has no 'order'; remove it, or write mode: queue")]
    public void What_is_wrong_is_told_with_what_would_be_right(string written, string problem)
        => Assert.StartsWith($"subscriptions.billing{(problem[0] == ':' ? "" : ".")}{problem}", Assert.Single(Written.Problems(Yaml(written))), StringComparison.Ordinal);

    private static SubscriptionPlan Read(string written) => Written.Plan(Yaml(written)).Subscriptions["billing"];

    private static string Yaml(string written) => $"topics: {{ orders: {{}} }}\nsubscriptions: {{ billing: {{ topic: orders{(written.Length > 0 ? ", " + written.ReplaceLineEndings(" ") : "")} }} }}";
}
