using System.Buffers;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Disk;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Gateway.Tests.Harness;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Tests.Harness;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Messaging.Tests.Conformance;

/// <summary>The embedded store: it writes when somebody waits for it, and time passes when the test says so.</summary>
internal sealed class EmbeddedStore : IEventStore, IKeyStore
{
    private readonly ManualTime _time = new();
    private readonly Queue<Action> _work = [];
    private readonly BackbonePlan _plan;
    private readonly Func<IDisk>? _crash;
    private IDisk _disk;
    private Backbone _backbone = null!;

    private EmbeddedStore(string yaml, string directory, IDisk disk, Func<IDisk>? crash)
    {
        var plan = Written.Plan(yaml, directory);
        (_plan, _disk, _crash) = (plan with { Store = plan.Store! with { SegmentBytes = 64 << 10 } }, disk, crash);
    }

    public IKeyStore Keys => this;

    public static async Task<EmbeddedStore> OpenAsync(string yaml, string directory, IDisk disk, Func<IDisk>? crash)
    {
        var store = new EmbeddedStore(yaml, directory, disk, crash);
        await store.OpenAsync();
        return store;
    }

    public async Task RestartAsync()
    {
        if (_crash is not null)
        {
            _disk = _crash();
        }
        else
        {
            await _backbone.DisposeAsync();
        }

        _work.Clear();
        await OpenAsync();
    }

    public ValueTask DisposeAsync() => _backbone.DisposeAsync();

    public async Task<IReadOnlyList<Placed>> PublishAsync(string topic, IReadOnlyList<Sent> events, TimeSpan delay)
    {
        var json = events.Select(one => $$"""
            {"specversion":"1.0","id":"{{one.Id}}","source":"/tests","type":"{{one.Type}}"{{(one.Key is null ? "" : $",\"subject\":\"{one.Key}\"")}}{{(one.Priority is null ? "" : $",\"priority\":{one.Priority}")}}}
            """);
        var submission = new EventSubmission
        {
            Topic = topic,
            ContentType = "application/cloudevents-batch+json",
            Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes($"[{string.Join(',', json)}]")),
            Delay = delay,
        };
        var receipt = await AnswerAsync(_backbone.AcceptAsync(submission, default));
        Assert.Null(receipt.Fault);
        return [.. receipt.Events.Select(one => new Placed(one.Partition, one.Offset, one.IsDuplicate))];
    }

    public async Task<IReadOnlyList<Taken>> ReceiveAsync(string queue, int max)
    {
        var (delivery, fault) = await AnswerAsync(_backbone.ReceiveAsync(QueueOf(queue), max, TimeSpan.Zero, null, default));
        Assert.Null(fault);
        using (delivery)
        {
            return [.. delivery.Events.Select(one => new Taken(IdOf(one.Frame.Span), one.Lease.ToString(), one.Attempt))];
        }
    }

    public async Task<int> AcknowledgeAsync(string queue, IReadOnlyList<string> leases)
        => DoneOf(await AnswerAsync(_backbone.AcknowledgeAsync(QueueOf(queue), Parse(leases), null, default)));

    public async Task<int> RefuseAsync(string queue, IReadOnlyList<string> leases, TimeSpan? delay, string reason)
        => DoneOf(await AnswerAsync(_backbone.RefuseAsync(QueueOf(queue), Parse(leases), delay, reason, null, default)));

    public async Task<int> ExtendAsync(string queue, IReadOnlyList<string> leases, TimeSpan by)
        => DoneOf(await AnswerAsync(_backbone.ExtendAsync(QueueOf(queue), Parse(leases), by, null, default)));

    public Task<IReadOnlyList<DeadOne>> DeadAsync(string queue)
    {
        IReadOnlyList<DeadOne> dead = [.. Chosen(QueueOf(queue), null).Select(entry => new DeadOne(IdOf(queue, entry), [.. entry.History.Select(attempt => attempt.Reason)]))];
        return Task.FromResult(dead);
    }

    public Task RedriveAsync(string queue, string? type, bool toEnd)
        => ChangeAsync(() => QueueOf(queue).Redrive(Chosen(QueueOf(queue), type), toEnd));

    public Task SeekAsync(string queue, ulong[] offsets) => ChangeAsync(() => QueueOf(queue).Seek(offsets));

    public Task PauseAsync(string queue, bool isPaused) => ChangeAsync(() => QueueOf(queue).Pause(isPaused));

    public async Task<IReadOnlyList<Read>> ReadAsync(string topic, ulong[] offsets)
    {
        Assert.Null(_backbone.FindTopic(topic, out var found));
        List<Read> read = [];
        while ((await _backbone.ReadAsync(found, offsets, null, 7, TimeSpan.Zero, (partition, frame) => read.Add(new(IdOf(frame.Span), partition, new EventFrame(frame.Span).Offset)), default)).Count > 0)
        {
        }

        return read;
    }

    public Task CommitAsync(string log, ulong[] offsets)
    {
        Assert.Null(_backbone.FindLog(log, out var found));
        return ChangeAsync(() => found.Commit(offsets, isSeek: false));
    }

    public Task<ulong[]> CommittedAsync(string log)
    {
        Assert.Null(_backbone.FindLog(log, out var found));
        return Task.FromResult(found.State.Committed.ToArray());
    }

    public Task PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        _backbone.Tick();
        Write();
        _backbone.Housekeep();
        Write();
        return Task.CompletedTask;
    }

    async ValueTask<KeyReservation> IKeyStore.ReserveAsync(string scope, string key, UInt128 fingerprint, TimeSpan lease, CancellationToken cancellation)
        => await AnswerAsync(_backbone.ReserveAsync(scope, key, fingerprint, lease, cancellation));

    async ValueTask<bool> IKeyStore.CompleteAsync(KeyToken token, ReadOnlyMemory<byte> outcome, TimeSpan ttl, CancellationToken cancellation)
        => await AnswerAsync(_backbone.CompleteAsync(token, outcome, ttl, cancellation));

    async ValueTask IKeyStore.AbortAsync(KeyToken token, CancellationToken cancellation)
    {
        var aborted = _backbone.AbortAsync(token, cancellation).AsTask();
        Write();
        await aborted;
    }

    private async Task OpenAsync()
    {
        var problems = new Problems();
        _backbone = (await Backbone.OpenAsync(_plan, new() { Disk = _disk, Time = _time, Loggers = NullLoggerFactory.Instance, Random = new Random(1), IsBackground = false, Run = _work.Enqueue }, problems))!;
        Assert.Empty(problems.All);
        _backbone.Tick();
    }

    private async Task ChangeAsync(Action change) => Assert.Null(await AnswerAsync<Fault?>(_backbone.ChangeAsync(change, default)));

    private async Task<T> AnswerAsync<T>(ValueTask<T> asked)
    {
        var answer = asked.AsTask();
        while (!answer.IsCompleted)
        {
            Write();
            _backbone.Tick();
            await Task.Yield();
        }

        return await answer;
    }

    private void Write()
    {
        while (_work.TryDequeue(out var work))
        {
            work();
        }

        _backbone.Store.CommitOnce();
        _backbone.Store.PrepareOnce();
    }

    private QueueRuntime QueueOf(string name)
    {
        Assert.Null(_backbone.FindQueue(name, out var queue));
        return queue;
    }

    private IReadOnlyList<QueueEntry> Chosen(QueueRuntime queue, string? type)
        => new DeadSelection([], type is null ? null : new EventFilter(new(new Dictionary<string, IReadOnlyList<string>> { ["type"] = [type] }))).Of(_backbone.Store, queue).Take(int.MaxValue);

    private string IdOf(string queue, QueueEntry entry)
    {
        Assert.True(_backbone.Store.Files.TryGet(QueueOf(queue).State.Topic.Id, entry.Place.Partition, out var log));
        using var block = log.Read(entry.Place.Offset, 1, 1);
        return IdOf(block.Frames);
    }

    private static string IdOf(ReadOnlySpan<byte> frame) => Encoding.UTF8.GetString(new EventFrame(frame).Id);

    private static int DoneOf((Settlement Settlement, Fault? Fault) settled)
    {
        Assert.Null(settled.Fault);
        return settled.Settlement.Done;
    }

    private static LeaseToken[] Parse(IReadOnlyList<string> leases) => [.. leases.Select(text =>
    {
        Assert.True(LeaseToken.TryParse(text, out var lease));
        return lease;
    })];
}
