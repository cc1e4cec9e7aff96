using System.Buffers;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Disk;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log;
using Lakou.Log.Frames;
using Lakou.Log.Tests.Harness;
using Lakou.Messaging.Events;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Tests.Harness;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Messaging.Tests.Crashes;

/// <summary>
/// One life of a backbone on a disk, from a start to whatever ends it. It writes when it is told to and on the caller's thread, so that the same life does the same to its disk
/// every time. <see cref="Memory"/> gets what was answered, and a picture of the state before each operation of the disk.
/// </summary>
internal sealed class Life
{
    private const string Yaml = """
        topics: { orders: { partitions: 2, retention: 1m } }
        subscriptions:
          strict: { topic: orders, order: key, lease: 10s, retry: { first: 1s, jitter: none, attempts: 2 } }
          reader: { topic: orders, mode: log }
        """;

    private readonly SimulatedDisk _disk;
    private readonly ManualTime _time;
    private readonly Memory _memory;
    private readonly ILoggerFactory _loggers;
    private readonly Queue<Action> _work = [];
    private Backbone _backbone = null!;
    private bool _hadFailed;

    private Life(SimulatedDisk disk, ManualTime time, Memory memory, ILoggerFactory loggers) => (_disk, _time, _memory, _loggers) = (disk, time, memory, loggers);

    /// <summary>Refusals that were answered.</summary>
    public List<Fault> Faults { get; } = [];

    public BackboneStore Store => _backbone.Store;

    private static readonly Lazy<Task<Memory>> s_first = new(FirstMemoryAsync);

    private static BackbonePlan Plan { get; } = PlanOf();

    public static async Task<Life> StartAsync(SimulatedDisk disk, ManualTime time, Memory memory, bool withSubscriptions = true, ILoggerFactory? loggers = null)
    {
        var life = new Life(disk, time, memory, loggers ?? NullLoggerFactory.Instance);
        var plan = withSubscriptions ? Plan : Plan with { Subscriptions = new Dictionary<string, SubscriptionPlan>() };
        var problems = new Problems();
        life._backbone = (await Backbone.OpenAsync(plan, life.Settings, problems))!;
        if (problems.Any)
        {
            throw new StoreException(string.Join('\n', problems.All));
        }

        life.TakePicture();
        return life;
    }

    /// <summary>A memory that knows what a first start does.</summary>
    public static async Task<Memory> NewMemoryAsync() => (await s_first.Value).Fork();

    private static async Task<Memory> FirstMemoryAsync()
    {
        var memory = new Memory();
        memory.Keep(0, Picture.Of(new BackboneState()));
        await StartAsync(new SimulatedDisk(), new ManualTime(), memory, withSubscriptions: false);
        await StartAsync(new SimulatedDisk(), new ManualTime(), memory);
        return memory;
    }

    /// <summary>What a start finds is what was written up to some record, and no record that was answered is missing. The disk is left as it is.</summary>
    public static async Task CheckAsync(SimulatedDisk disk, Memory memory, string what)
    {
        var store = BackboneStore.Open(new(Plan.Store!, disk.Copy(), new ManualTime(), NullLoggerFactory.Instance, name => SegmentBytes) { IsBackground = false });
        Assert.True(store.State.Damages.Count == 0, $"{what}: {string.Join('\n', store.State.Damages)}");
        Assert.True(store.State.Lsn >= memory.Answered, $"{what}: answered to {memory.Answered}, found to {store.State.Lsn}");
        var picture = Picture.Of(store.State);
        Assert.True(memory.PictureAt(store.State.Lsn) == picture, $"{what}: at {store.State.Lsn} it was\n{memory.PictureAt(store.State.Lsn)}\nand is\n{picture}");
        CheckFiles(store, memory, what);
        await store.DisposeAsync();
    }

    /// <summary>All that a backbone does, once; ends early when the power does.</summary>
    public async Task WorkAsync()
    {
        // 1. Events in all ways, topics by hand.
        await PublishAsync("orders", "a1");
        await PublishAsync("orders", "b1", "a2", "c1");
        await PublishAsync("orders", TimeSpan.FromSeconds(5), "d1");
        await ChangeAsync(() => _backbone.PutTopicAsync("notes", """{"partitions": 1, "dedup": "0s"}""", default));
        await ChangeAsync(() => _backbone.PutSubscriptionAsync("loose", """{"topic": "notes"}""", default));
        await PublishAsync("notes", "n1");

        // 2. Finished, failed, dead, brought back.
        var worked = await ReceiveAsync("strict");
        await AcknowledgeAsync("strict", worked.Skip(1));
        await RefuseAsync("strict", worked.Take(1));
        Pass(2);
        await RefuseAsync("strict", await ReceiveAsync("strict"));
        await KeysAsync();
        await ChangeQueueAsync("strict", queue => queue.Redrive([.. queue.State.Queue.Dead.Values], toEnd: true));
        await AcknowledgeAsync("strict", await ReceiveAsync("strict"));

        // 3. A snapshot; then what was held is due, and leases end.
        Checkpoint();
        await ReceiveAsync("loose");
        Pass(6);
        await AcknowledgeAsync("strict", await ReceiveAsync("strict"));
        Pass(40);
        Pass(2);
        await AcknowledgeAsync("loose", await ReceiveAsync("loose"));

        // 4. Readers move, and a pause.
        await ChangeLogAsync("reader", log => log.Commit([1, 1], isSeek: false));
        await ChangeQueueAsync("strict", queue => queue.Seek([0, 0]));
        await ExtendAsync("strict", await ReceiveAsync("strict"));
        await ChangeQueueAsync("strict", queue => queue.Pause(true));
        for (var i = 0; i < 6; i++)
        {
            await PublishAsync("orders", $"f{i}", $"g{i}");
        }

        Checkpoint();
        await ChangeQueueAsync("strict", queue => queue.Pause(false));
        Pass(12);
        Pass(2);
        for (var round = 0; round < 4; round++)
        {
            await AcknowledgeAsync("strict", await ReceiveAsync("strict"));
        }

        // 5. What is old goes.
        Pass(120);
        Housekeep();
        await ChangeAsync(() => _backbone.DeleteSubscriptionAsync("loose", default));
        await ChangeAsync(() => _backbone.DeleteTopicAsync("notes", default));
        Housekeep();
        Checkpoint();
        await PublishAsync("orders", "last");
    }

    /// <summary>It goes on as if nothing had been, and what it does then holds too.</summary>
    public async Task GoOnAsync()
    {
        Pass(1);
        Assert.True(await PublishAsync("orders", "after"));
        Pass(60);
        var worked = await ReceiveAsync("strict", 100);
        Assert.Equal(worked.Count, (await AcknowledgeAsync("strict", worked))?.Done ?? 0);
        Housekeep();
        Checkpoint();
        Assert.True(await PublishAsync("orders", "then"));
    }

    public async Task<bool> PublishAsync(string topic, params string[] ids) => await PublishAsync(topic, TimeSpan.Zero, ids);

    public async Task<IReadOnlyList<LeaseToken>> ReceiveAsync(string name, int max = 10)
    {
        if (_backbone.FindQueue(name, out var queue) is not null)
        {
            return [];
        }

        using var delivery = (await AskAsync(() => _backbone.ReceiveAsync(queue, max, TimeSpan.Zero, null, default), answer => answer.Fault)).Delivery;
        return [.. delivery.Events.Select(one =>
        {
            var frame = new EventFrame(one.Frame.Span);
            Assert.Equal(DataOf(Encoding.UTF8.GetString(frame.Id)), Encoding.UTF8.GetString(frame.Data));
            return one.Lease;
        })];
    }

    public async Task<Settlement?> AcknowledgeAsync(string name, IEnumerable<LeaseToken> leases)
        => _backbone.FindQueue(name, out var queue) is not null ? null
            : (await AskAsync(() => _backbone.AcknowledgeAsync(queue, [.. leases], null, default), answer => answer.Fault)).Settlement;

    public async Task ExtendAsync(string name, IEnumerable<LeaseToken> leases)
    {
        if (_backbone.FindQueue(name, out var queue) is null)
        {
            await AskAsync(() => _backbone.ExtendAsync(queue, [.. leases], null, null, default), answer => answer.Fault);
        }
    }

    /// <summary>Some time is over, and what was due is done.</summary>
    public void Pass(int seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        Tick();
        Commit();
        Tick();
        Commit();
    }

    /// <summary>As once a second.</summary>
    public void Housekeep()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        Guard(_backbone.Housekeep);
        Commit();
    }

    /// <summary>What can be read of all topics is what was written.</summary>
    public void Read()
    {
        foreach (var topic in Store.State.Topics.Values)
        {
            for (var partition = 0; partition < topic.Partitions.Length; partition++)
            {
                if (!Store.Files.TryGet(topic.Id, partition, out var log))
                {
                    continue;
                }

                for (var offset = log.Start; offset < log.End;)
                {
                    using var block = log.Read(offset, 1, 1);
                    Assert.True(block.Count == 1 || block.LostUntil > offset, $"offset {offset} of partition {partition} of {topic.Name} is neither there nor lost");
                    offset = block.LostUntil ?? IdIn(block, offset);
                }
            }
        }

        static ulong IdIn(FrameBlock block, ulong offset)
        {
            var frame = new EventFrame(block.Frames);
            Assert.Equal((offset, DataOf(Encoding.UTF8.GetString(frame.Id))), (frame.Offset, Encoding.UTF8.GetString(frame.Data)));
            return offset + 1;
        }
    }

    private BackboneSettings Settings
    {
        get
        {
            _disk.Happening += (_, _) => TakePicture();
            return new() { Disk = _disk, Time = _time, Loggers = _loggers, Random = new Random(1), IsBackground = false, Run = _work.Enqueue };
        }
    }

    private const long SegmentBytes = 2 << 10;

    private static BackbonePlan PlanOf()
    {
        var plan = Written.Plan(Yaml, "/");
        return plan with
        {
            Store = plan.Store! with { SegmentBytes = 16 << 10 },
            Topics = plan.Topics.ToDictionary(one => one.Key, one => one.Value with { SegmentBytes = SegmentBytes }),
        };
    }

    private static string DataOf(string id) => $"{id}:{new string(id[0], 300)}";

    private static void CheckFiles(BackboneStore store, Memory memory, string what)
    {
        foreach (var topic in store.State.Topics.Values)
        {
            HashSet<string> ids = [];
            for (var partition = 0; partition < topic.Partitions.Length; partition++)
            {
                Assert.True(store.Files.TryGet(topic.Id, partition, out var log));
                Assert.True(log.End == topic.Partitions[partition].End, $"{what}: partition {partition} of {topic.Name} ends at {log.End}, and not at {topic.Partitions[partition].End}");
                for (var offset = topic.Partitions[partition].Start; offset < log.End; offset++)
                {
                    var id = IdAt(log, offset, $"{what}: offset {offset} of partition {partition} of {topic.Name}");
                    Assert.True(ids.Add(id), $"{what}: {id} is there twice");
                    Assert.DoesNotContain(memory.Accepted, one => one.Topic == topic.Name && (one.Id == id) != (one.Partition == partition && one.Offset == offset));
                }
            }

            foreach (var place in topic.Held.Keys)
            {
                IdAt(store.Files.Held(topic.Id)!, place, $"{what}: held {place} of {topic.Name}");
            }
        }

        static string IdAt(FrameLog log, ulong offset, string what)
        {
            using var block = log.Read(offset, 1, 1);
            Assert.True(block.Count == 1, $"{what} cannot be read");
            var frame = new EventFrame(block.Frames);
            var id = Encoding.UTF8.GetString(frame.Id);
            Assert.True(frame.Offset == offset && Encoding.UTF8.GetString(frame.Data) == DataOf(id), $"{what} is not what was written");
            return id;
        }
    }

    private async Task<bool> PublishAsync(string topic, TimeSpan delay, params string[] ids)
    {
        var events = ids.Select(id => $$"""{"specversion":"1.0","id":"{{id}}","source":"/s","type":"t","subject":"{{id[0]}}","datacontenttype":"text/plain","data":"{{DataOf(id)}}"}""");
        var submission = new EventSubmission
        {
            Topic = topic,
            ContentType = "application/cloudevents-batch+json",
            Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes($"[{string.Join(',', events)}]")),
            Delay = delay,
        };
        if (await AskAsync(() => _backbone.AcceptAsync(submission, default), receipt => receipt.Fault) is not { Fault: null } receipt)
        {
            return false;
        }

        for (var i = 0; i < ids.Length; i++)
        {
            if (receipt.Events[i].Offset is { } offset)
            {
                _memory.Accept(topic, ids[i], receipt.Events[i].Partition, offset);
            }
        }

        return true;
    }

    private async Task RefuseAsync(string name, IEnumerable<LeaseToken> leases)
    {
        if (_backbone.FindQueue(name, out var queue) is null)
        {
            await AskAsync(() => _backbone.RefuseAsync(queue, [.. leases], null, "no", null, default), answer => answer.Fault);
        }
    }

    private async Task KeysAsync()
    {
        var first = await AskAsync(() => _backbone.ReserveAsync("s", "one", 1, TimeSpan.FromMinutes(1), default), answer => answer.Fault);
        if (first is { State: KeyState.Reserved })
        {
            await AskAsync(() => _backbone.CompleteAsync(first.Token, Encoding.UTF8.GetBytes("done"), TimeSpan.FromHours(1), default), _ => null);
        }

        var second = await AskAsync(() => _backbone.ReserveAsync("s", "two", 1, TimeSpan.FromMinutes(1), default), answer => answer.Fault);
        if (second is { State: KeyState.Reserved })
        {
            await AskAsync(
                async ValueTask<bool> () =>
                {
                    await _backbone.AbortAsync(second.Token, default);
                    return false; // it says nothing
                },
                _ => null);
        }

        await AskAsync(() => _backbone.ReserveAsync("s", "three", 1, TimeSpan.FromHours(1), default), answer => answer.Fault);
    }

    private Task ChangeQueueAsync(string name, Action<QueueRuntime> change)
        => _backbone.FindQueue(name, out var queue) is null ? ChangeAsync(async () => await _backbone.ChangeAsync(() => change(queue), default)) : Task.CompletedTask;

    private Task ChangeLogAsync(string name, Action<LogRuntime> change)
        => _backbone.FindLog(name, out var log) is null ? ChangeAsync(async () => await _backbone.ChangeAsync(() => change(log), default)) : Task.CompletedTask;

    private async Task ChangeAsync(Func<Task<Fault?>> change) => await AskAsync(() => new ValueTask<Fault?>(change()), fault => fault);

    private void Checkpoint()
    {
        Commit();
        try
        {
            Store.Checkpoint();
        }
        catch (Exception e) when (e is DiskException or JournalException)
        {
            // As in the background: no snapshot this time.
        }
    }

    /// <summary>Asks, and writes until there is an answer.</summary>
    private async Task<T?> AskAsync<T>(Func<ValueTask<T>> ask, Func<T, Fault?> faultOf)
    {
        _hadFailed |= Store.Failed.IsCompleted;
        var asked = ask().AsTask();
        var lsn = Store.State.Lsn;
        for (var turn = 0; !asked.IsCompleted; turn++)
        {
            Assert.True(turn < 1_000_000, $"no answer; room {Store.Room(0, bringsData: true)}, stuck {Store.Files.IsStuck}, failed {Store.Failed.IsCompleted}");
            Tick();
            Commit();
            await Task.Yield();
        }

        T answer;
        try
        {
            answer = await asked;
        }
        catch (JournalException)
        {
            return default;
        }

        if (faultOf(answer) is { } fault)
        {
            Faults.Add(fault);
            return answer;
        }

        if (_hadFailed)
        {
            Assert.True(answer is ValueTuple<Delivery, Fault?> { Item1.Events.Count: 0 } or false, $"answered after the store had failed: {answer}");
            return answer;
        }

        Assert.True(Store.CommittedLsn >= lsn || answer is ValueTuple<Delivery, Fault?> { Item1.Events.Count: 0 } || Store.Failed.IsCompleted || (Store.IsReadOnly && answer is false), $"{answer} was answered before record {lsn} was committed");
        _memory.Answered = Math.Max(_memory.Answered, Math.Min(lsn, Store.CommittedLsn));
        return answer;
    }

    private void Tick() => Guard(_backbone.Tick);

    /// <summary>As timers do: what cannot be done now is done later, and a store that has failed says so itself.</summary>
    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (JournalException) when (Store.Failed.IsCompleted)
        {
        }
        catch (DiskException)
        {
        }
    }

    private void Commit()
    {
        while (_work.TryDequeue(out var work))
        {
            work();
        }

        Store.CommitOnce();
        Store.PrepareOnce();
    }

    private void TakePicture()
    {
        if (_backbone is not null)
        {
            _memory.Keep(Store.State.Lsn, Picture.Of(Store.State));
        }
    }
}
