using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Tests.Subscriptions;

public sealed class ConsideredSetTests
{
    private const int Most = 20_000; // some chunks of 4,096

    // One offset, some, or more than a chunk.
    private static readonly Gen<(int From, int Count)> Range =
        from anywhere in Gen.Choose(0, Most)
        from near in Gen.Choose(0, 200)
        from isNear in Gen.Elements(true, false)
        from count in Gen.OneOf(Gen.Constant(1), Gen.Choose(1, 100), Gen.Choose(1, 10_000))
        select (isNear ? near : anywhere, count);

    [Fact]
    public void It_holds_what_a_plain_set_holds_also_when_it_was_written_and_read()
        => Prop.ForAll(Range.ListOf().ToArbitrary(), ranges =>
        {
            var set = new ConsideredSet();
            HashSet<ulong> model = [];
            foreach (var (from, count) in ranges)
            {
                if (count == 1)
                {
                    set.Add((ulong)from);
                }
                else
                {
                    set.Add((ulong)from, (ulong)(from + count));
                }

                model.UnionWith(Enumerable.Range(from, count).Select(offset => (ulong)offset));
            }

            Check(set, model);
            var writer = new RecordWriter();
            set.Write(writer.Begin(RecordKind.None));
            var read = new ConsideredSet();
            var reader = new RecordReader(writer.Written);
            read.Read(ref reader);
            Check(read, model);
        }).QuickCheckThrowOnFailure();

    private static void Check(ConsideredSet set, HashSet<ulong> model)
    {
        var floor = 0ul;
        while (model.Contains(floor))
        {
            floor++;
        }

        Assert.Equal(floor, set.Floor);
        for (var offset = 0ul; offset < Most + 10_001; offset++)
        {
            Assert.True(model.Contains(offset) == set.Contains(offset), $"offset {offset}");
        }
    }
}
