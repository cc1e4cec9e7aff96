using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Tests.Subscriptions;

public sealed class ReadyEventsTests
{
    // An event of a key (0: none) with a priority; or -1, to take one; or -2, to finish one.
    private static readonly Gen<(int Key, int Priority)> Step =
        from kind in Gen.Choose(0, 9)
        from key in Gen.Choose(0, 4)
        from priority in Gen.Choose(0, 9)
        select (kind < 5 ? key : kind < 8 ? -1 : -2, priority);

    [Fact]
    public void Those_of_a_key_go_out_in_order_and_one_at_a_time_and_none_is_forgotten()
        => Prop.ForAll(Step.ListOf().ToArbitrary(), steps =>
        {
            var ready = new ReadyEvents { IsOrdered = true };
            List<ReadyEvent> waiting = [], outside = [];
            var offset = 0ul;
            foreach (var (key, priority) in steps)
            {
                if (key >= 0)
                {
                    waiting.Add(new(new(0, offset), (ulong)key, (byte)priority, offset++));
                    ready.Add(waiting[^1]);
                }
                else if (key == -1)
                {
                    Take(ready, waiting, outside);
                }
                else if (outside.Count > 0)
                {
                    ready.Unblock(outside[0].Key, outside[0].Priority);
                    outside.RemoveAt(0);
                }

                Assert.Equal(waiting.Count, ready.Count);
            }

            // All that is left comes, once what is out is finished.
            for (var turn = 0; waiting.Count > 0; turn++)
            {
                Assert.True(turn <= steps.Count);
                Take(ready, waiting, outside);
                outside.ForEach(one => ready.Unblock(one.Key, one.Priority));
                outside.Clear();
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Keys_take_turns()
    {
        var ready = new ReadyEvents();
        for (var i = 0ul; i < 100; i++)
        {
            ready.Add(new(new EventPlace(0, i), 1, 4, i));
        }

        ready.Add(new(new EventPlace(0, 100), 2, 4, 100));
        Assert.True(ready.TryTake(out var first));
        Assert.True(ready.TryTake(out var second));
        Assert.Equal((1ul, 2ul), (first.Key, second.Key));
    }

    /// <summary>What may go out: the first of each key that has none outside, and all without a key. Of these, the highest priority goes.</summary>
    private static void Take(ReadyEvents ready, List<ReadyEvent> waiting, List<ReadyEvent> outside)
    {
        var blocked = outside.Select(one => one.Key).Where(key => key != 0).ToHashSet();
        var candidates = waiting.Where(one => one.Key == 0).Concat(waiting.Where(one => one.Key != 0 && !blocked.Contains(one.Key)).GroupBy(one => one.Key).Select(line => line.MinBy(one => one.Rank))).ToArray();
        Assert.Equal(candidates.Length > 0, ready.TryTake(out var taken));
        if (candidates.Length > 0)
        {
            Assert.Contains(taken, candidates);
            Assert.Equal(candidates.Max(one => one.Priority), taken.Priority);
            waiting.Remove(taken);
            outside.Add(taken);
        }
    }
}
