using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Keys;
using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Tests.Keys;

public sealed class KeyTableTests
{
    private enum Verb
    {
        AddEvent,
        Reserve,
        Complete,
        Abort,
        Pass,
    }

    private static readonly Gen<(Verb Verb, int Key, int Seconds)> Step =
        from verb in Gen.Elements(Enum.GetValues<Verb>())
        from key in Gen.Choose(1, 6)
        from seconds in Gen.Choose(1, 40)
        select (verb, key, seconds);

    [Fact]
    public void It_knows_what_a_plain_table_knows_also_when_it_was_written_and_read()
        => Prop.ForAll(Step.ListOf().ToArbitrary(), steps =>
        {
            var table = new KeyTable();
            Dictionary<UInt128, Key> model = [];
            var (now, lsn) = (0L, 0ul);
            foreach (var (verb, key, seconds) in steps)
            {
                Do(verb, (UInt128)key, now + (seconds * 1_000_000L), ++lsn, table, model, ref now);
                Check(table, model, now);
            }

            Check(Copy(table), model, now);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void When_it_is_full_events_are_forgotten_and_work_is_not()
    {
        var table = new KeyTable { Max = 10 };
        Reserve(table, 1, 1000, 1);
        for (var i = 2; i < 50; i++)
        {
            table.AddEvent((UInt128)i, i * 20_000_000L, new EventPlace(0, (ulong)i));
        }

        Assert.Equal(10, table.Count);
        Assert.True(table.TryGetHeld(1, 0, out _));
        Assert.True(table.TryGet(49, 0, out _));
        Assert.False(table.TryGet(2, 0, out _));
    }

    private static void Do(Verb verb, UInt128 hash, long expires, ulong lsn, KeyTable table, Dictionary<UInt128, Key> model, ref long now)
    {
        var isKnown = model.TryGetValue(hash, out var known) && known.Expires > now;
        switch (verb)
        {
            case Verb.AddEvent when !isKnown:
                table.AddEvent(hash, expires, new EventPlace(0, lsn));
                model[hash] = new(expires, new EventPlace(0, lsn), null);
                break;
            case Verb.Reserve when !isKnown:
                Reserve(table, hash, expires, lsn);
                model[hash] = new(expires, default, new(7, lsn, null));
                break;
            case Verb.Complete when isKnown && known.Work is { Outcome: null } work:
                Assert.True(table.TryGetHeld(work.Token, now, out var held) && held == hash);
                var completed = Record(writer => writer.Hash(hash).Long(work.Token).Long(expires).Long(lsn));
                var completedReader = new RecordReader(completed);
                table.ApplyCompleted(ref completedReader);
                model[hash] = new(expires, default, work with { Outcome = lsn });
                break;
            case Verb.Abort when isKnown && known.Work is { Outcome: null } work:
                var aborted = Record(writer => writer.Hash(hash).Long(work.Token));
                var abortedReader = new RecordReader(aborted);
                table.ApplyAborted(ref abortedReader);
                model.Remove(hash);
                break;
            case Verb.Pass:
                now = expires;
                table.Sweep(now);
                break;
            default:
                break;
        }
    }

    private static void Check(KeyTable table, Dictionary<UInt128, Key> model, long now)
    {
        for (UInt128 hash = 1; hash <= 6; hash++)
        {
            var isKnown = model.TryGetValue(hash, out var known) && known.Expires > now;
            Assert.Equal(isKnown, table.TryGet(hash, now, out var found));
            Assert.True(!isKnown || found == known, $"{found} is not {known}");
        }

        var outcomes = model.Values.Where(key => key.Expires > now).Select(key => key.Work?.Outcome).OfType<ulong>().ToArray();
        Assert.All(outcomes, outcome => Assert.True(table.OutcomesFrom() <= outcome));
    }

    private static KeyTable Copy(KeyTable table)
    {
        var copy = new KeyTable();
        var writer = new RecordWriter();
        writer.Begin(RecordKind.None);
        var isHead = true;
        table.Write(writer, () =>
        {
            var reader = new RecordReader(writer.Written);
            if (isHead)
            {
                copy.ReadHead(ref reader);
            }
            else
            {
                copy.ReadChunk(ref reader);
            }

            isHead = false;
        });
        return copy;
    }

    private static void Reserve(KeyTable table, UInt128 hash, long expires, ulong lsn)
    {
        var record = Record(writer => writer.Hash(hash).Hash((UInt128)7).Long(expires));
        var reader = new RecordReader(record);
        table.ApplyReserved(ref reader, lsn);
    }

    private static byte[] Record(Action<RecordWriter> write)
    {
        var writer = new RecordWriter().Begin(RecordKind.None);
        write(writer);
        return writer.Written.ToArray();
    }
}
