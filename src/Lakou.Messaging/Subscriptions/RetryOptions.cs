using Lakou.Core.Configuration;

namespace Lakou.Messaging.Subscriptions;

internal sealed record RetryOptions
{
    public TimeSpan First { get; init; } = TimeSpan.FromSeconds(1);

    public double Factor { get; init; } = 2;

    public TimeSpan Cap { get; init; } = TimeSpan.FromMinutes(15); // without one the 20th wait were six days

    public int? Attempts { get; init; }

    public Jitter Jitter { get; init; } = Jitter.Full;

    public IReadOnlyList<TimeSpan>? Schedule { get; init; }

    private static readonly Shape<IReadOnlyList<TimeSpan>> ScheduleShape = Shapes.List(Shapes.Duration(TimeSpan.Zero, TimeSpan.FromDays(7)), 1, 100);

    private static readonly string[] s_growing = ["first", "factor", "cap"];

    public static Shape<RetryOptions> Shape { get; } = Shapes.Object("subscription-retry", "When an event comes again that was not acknowledged.", () => new RetryOptions())
        .Field("first", Shapes.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(24)), o => o.First, (o, v) => o with { First = v }, "The wait after the first attempt.")
        .Field("factor", Shapes.Number(1, 10), o => o.Factor, (o, v) => o with { Factor = v }, "How much longer each wait is than the one before.")
        .Field("cap", Shapes.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(7)), o => o.Cap, (o, v) => o with { Cap = v }, "The longest wait, `jitter` aside.")
        .Field("schedule", ScheduleShape, o => o.Schedule, (o, v) => o with { Schedule = v }, "The waits themselves, in place of `first`, `factor` and `cap`.")
        .Field("attempts", Shapes.Integer(1, 1000), o => o.Attempts, (o, v) => o with { Attempts = v }, "Most attempts, the first included; then the event is dead. Without it 20, or one more than `schedule` has waits, the last of which repeats when there are more.")
        .Field("jitter", Jitter.Shape, o => o.Jitter, (o, v) => o with { Jitter = v }, "How a wait is spread, so that what failed together does not come back together: `full` from nothing to all of it, `equal` from half to all of it, `none`, or a share such as `20%` to either side.")
        .Check((o, node, problems) =>
        {
            if (o.Schedule is not null)
            {
                foreach (var entry in ((ConfigMap)node).Entries.Where(entry => s_growing.Contains(entry.Name, StringComparer.Ordinal)))
                {
                    problems.Add(entry.Key, $"'schedule' says every wait; remove '{entry.Name}', or 'schedule'");
                }
            }
            else if (o.Cap < o.First)
            {
                problems.Add(node, $"'cap' {Durations.Format(o.Cap)} is shorter than 'first' {Durations.Format(o.First)}; raise 'cap' or lower 'first'");
            }
        })
        .Or(ScheduleShape, schedule => new RetryOptions { Schedule = schedule });
}
