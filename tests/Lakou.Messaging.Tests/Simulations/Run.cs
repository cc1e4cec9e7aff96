using System.Buffers;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Events;
using Lakou.Core.Time;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log.Tests.Harness;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Messaging.Tests.Simulations;

/// <summary>
/// Producers, workers, time, crashes and a disk that fails, all by one seed. Requests begin one after the other; what they decided becomes durable when the simulation says so, and
/// until then the power may go off. The <see cref="Ledger"/> sees every answer.
/// </summary>
internal sealed class Run(int seed, SimulationOptions options)
{
    private const int Attempts = 3;

    private static readonly string[] s_subscriptions = ["strict", "loose"];

    private readonly Random _random = new(seed);
    private readonly ManualTime _time = new();
    private readonly Ledger _ledger = new(Attempts);
    private readonly List<string> _log = [];
    private readonly Queue<Action> _work = [];
    private readonly List<(string Subscription, string Id, LeaseToken Lease)> _held = [];
    private readonly List<string> _ids = [];
    private readonly List<(Task Task, Action Done, string? Receives)> _pending = [];
    private SimulatedDisk _disk = new();
    private Backbone _backbone = null!;
    private int _nextId;

    /// <summary>What happened, for whoever has to understand a failure.</summary>
    public IReadOnlyList<string> Log => _log;

    public int Crashes { get; private set; }

    public async Task RunAsync(int steps)
    {
        await OpenAsync();
        for (var step = 0; step < steps; step++)
        {
            await StepAsync();
        }

        await CloseAsync();
    }

    private async Task StepAsync()
    {
        switch (_random.Next(100))
        {
            case < 30:
                Publish();
                break;
            case < 50:
                Receive();
                break;
            case < 68:
                Settle();
                break;
            case < 74:
                Say("time");
                _time.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 4000)));
                _backbone.Tick();
                break;
            case < 77:
                Redrive();
                break;
            case < 79 when _pending.Count == 0:
                await CommitAsync();
                await TouchAsync("checkpoint", _backbone.Store.Checkpoint);
                break;
            case < 82:
                await TouchAsync("housekeep", _backbone.Housekeep);
                break;
            case < 82 + 3 when options.Crashes:
                await CrashAsync();
                break;
            default:
                await CommitAsync();
                break;
        }

        RunWork();
    }

    private void Publish()
    {
        List<string> ids = [];
        var body = new StringBuilder("[");
        for (var left = _random.Next(1, 5); left > 0; left--)
        {
            var isAgain = _ids.Count > 0 && _random.Next(10) == 0;
            var id = isAgain ? _ids[_random.Next(_ids.Count)] : $"e{_nextId++}";
            var key = $"k{int.Parse(id[1..]) % 5}";
            var data = new string('x', int.Parse(id[1..]) % 700) + id;
            _ledger.Send(id, key, data);
            _ids.Add(id);
            ids.Add(id);
            body.Append(body.Length > 1 ? "," : "").Append($$"""{"specversion":"1.0","id":"{{id}}","source":"/s","type":"t","subject":"{{key}}","data":"{{data}}"}""");
        }

        var delay = _random.Next(8) == 0 ? TimeSpan.FromMilliseconds(_random.Next(1, 5000)) : TimeSpan.Zero;
        Say($"publish {string.Join(' ', ids)} in {delay}");
        var submission = new EventSubmission
        {
            Topic = "orders",
            ContentType = "application/cloudevents-batch+json",
            Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body.Append(']').ToString())),
            Delay = delay,
        };
        var receipt = _backbone.AcceptAsync(submission, default).AsTask();
        _pending.Add((receipt, () =>
        {
            var answered = receipt.GetAwaiter().GetResult();
            for (var i = 0; answered.Fault is null && i < ids.Count; i++)
            {
                var one = answered.Events[i];
                _ledger.Accept(ids[i], one.Partition, one.Offset, one.Due is not null);
            }
        }, null));
    }

    private void Receive()
    {
        var name = s_subscriptions[_random.Next(s_subscriptions.Length)];
        _backbone.FindQueue(name, out var queue);
        Say($"receive {name}");
        var delivery = _backbone.ReceiveAsync(queue, _random.Next(1, 5), TimeSpan.Zero, null, default).AsTask();
        _pending.Add((delivery, () =>
        {
            using var delivered = delivery.GetAwaiter().GetResult().Delivery;
            foreach (var (lease, attempt, frame) in delivered.Events)
            {
                var read = new EventFrame(frame.Span);
                var (id, data) = (Encoding.UTF8.GetString(read.Id), Encoding.UTF8.GetString(read.Data).Trim('"'));
                Say($"  {name} has {id} at {lease}, attempt {attempt}");
                _ledger.Deliver(name, name == "strict", id, data, lease.Place.Partition, lease.Place.Offset, attempt, Now, delivered.Deadline);
                _held.Add((name, id, lease));
            }
        }, name));
    }

    private void Settle()
    {
        if (_held.Count == 0)
        {
            return;
        }

        var at = _random.Next(_held.Count);
        var (name, id, lease) = _held[at];
        _held.RemoveAt(at);
        _backbone.FindQueue(name, out var queue);
        switch (_random.Next(10))
        {
            case < 6:
                Say($"ack {name} {id} {lease}");
                _ledger.Acknowledge(name, id);
                var acknowledged = _backbone.AcknowledgeAsync(queue, [lease], null, default).AsTask();
                _pending.Add((acknowledged, () =>
                {
                    if (acknowledged.GetAwaiter().GetResult() is { Fault: null, Settlement.Done: 1 })
                    {
                        _ledger.Acknowledged(name, id);
                    }
                }, null));
                break;
            case < 9:
                Say($"nack {name} {id} {lease}");
                _ledger.Refuse(name, id);
                var refused = _backbone.RefuseAsync(queue, [lease], _random.Next(2) == 0 ? null : TimeSpan.FromMilliseconds(_random.Next(2000)), "no", null, default).AsTask();
                _pending.Add((refused, () => refused.GetAwaiter().GetResult(), null));
                break;
            default:
                Say($"extend {name} {id} {lease}");
                var until = Now + 2_000_000;
                var extended = _backbone.ExtendAsync(queue, [lease], TimeSpan.FromSeconds(2), null, default).AsTask();
                _pending.Add((extended, () =>
                {
                    if (extended.GetAwaiter().GetResult() is { Fault: null, Settlement.Done: 1 })
                    {
                        _ledger.Extend(name, id, until);
                        _held.Add((name, id, lease));
                    }
                }, null));
                break;
        }
    }

    private void Redrive()
    {
        var name = s_subscriptions[_random.Next(s_subscriptions.Length)];
        _backbone.FindQueue(name, out var queue);
        var toEnd = _random.Next(2) == 0;
        Say($"redrive {name}");
        var redriven = _backbone.ChangeAsync(() => queue.Redrive(DeadSelection.All.Of(_backbone.Store, queue).Take(3), toEnd), default).AsTask();
        _pending.Add((redriven, () => redriven.GetAwaiter().GetResult(), null));
    }

    /// <summary>What touches the disk beside commits; the power may go in the middle of it.</summary>
    private async Task TouchAsync(string what, Action work)
    {
        Say(what);
        try
        {
            work();
        }
        catch (PowerLoss)
        {
            await RestartAsync();
        }
    }

    /// <summary>What was decided becomes durable, and is answered.</summary>
    private async Task CommitAsync()
    {
        Say("commit");
        while (_backbone.Store.CommitOnce())
        {
            _backbone.Store.PrepareOnce();
        }

        if (_backbone.Store.Failed.IsCompleted)
        {
            await RestartAsync();
            return;
        }

        // Receivers who got nothing are answered by time, everybody else by the commit. Answers are looked at in the order of the requests, whatever threads did.
        _time.Advance(TimeSpan.FromMilliseconds(1));
        while (_pending.Exists(one => !one.Task.IsCompleted))
        {
            RunWork();
            _backbone.Tick();
            while (_backbone.Store.CommitOnce())
            {
                _backbone.Store.PrepareOnce();
            }

            if (_backbone.Store.Failed.IsCompleted)
            {
                await RestartAsync();
                return;
            }

            await Task.Yield();
        }

        var answered = _pending.ToArray();
        _pending.Clear();
        foreach (var (_, done, _) in answered)
        {
            done();
        }
    }

    private async Task CrashAsync()
    {
        if (_random.Next(2) == 0)
        {
            // In the middle of what it does to the disk next.
            _disk.CrashAt(_disk.Operations + _random.Next(1, 6), _random.Next(2) == 0, new Random(_random.Next()));
            await CommitAsync();
            if (!_backbone.Store.Failed.IsCompleted)
            {
                return;
            }
        }

        await RestartAsync();
    }

    private async Task RestartAsync()
    {
        Crashes++;
        var isPower = _random.Next(3) > 0;
        Say(isPower ? "POWER LOSS" : "KILL");

        // Whether what was begun happened is not known; workers hold their leases, if those were durable.
        foreach (var name in _pending.Select(one => one.Receives).OfType<string>())
        {
            _ledger.LoseDelivery(name);
        }

        _pending.Clear();
        _work.Clear();
        _ledger.ForgetLeases();
        _disk = isPower || options.IsLying ? _disk.Crash(_random.Next(4) == 0 ? null : new Random(_random.Next())) : _disk.Kill();
        _disk.IsLying = options.IsLying;
        await OpenAsync();
    }

    private async Task CloseAsync()
    {
        // Nothing goes wrong any more, and everything is worked off.
        await CommitAsync();
        _disk.IsLying = false;
        for (var idle = 0; idle < 5;)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            _backbone.Tick();
            RunWork();
            var before = _held.Count;
            foreach (var name in s_subscriptions)
            {
                _backbone.FindQueue(name, out var queue);
                queue.Redrive(WithGate(() => DeadSelection.All.Of(_backbone.Store, queue).Take(int.MaxValue)), toEnd: false);
            }

            Receive();
            await CommitAsync();
            var got = _held.Count - before;
            while (_held.Count > 0)
            {
                var (name, id, lease) = _held[^1];
                _held.RemoveAt(_held.Count - 1);
                _backbone.FindQueue(name, out var queue);
                _ledger.Acknowledge(name, id);
                var settled = _backbone.AcknowledgeAsync(queue, [lease], null, default).AsTask();
                _pending.Add((settled, () =>
                {
                    if (settled.GetAwaiter().GetResult().Settlement.Done == 1)
                    {
                        _ledger.Acknowledged(name, id);
                    }
                }, null));
            }

            await CommitAsync();
            var lag = s_subscriptions.Sum(name => _backbone.FindQueue(name, out var queue) is null ? queue.Lag + queue.State.Queue.Dead.Count : 0);
            idle = got == 0 && lag == 0 ? idle + 1 : 0;
            if (_log.Count > 1_000_000)
            {
                throw new BrokenPromise($"there is no end: {lag} events are left");
            }
        }

        List<(int, ulong, string)> topic = [];
        _backbone.FindTopic("orders", out var orders);
        var positions = new ulong[orders.State.Partitions.Length];
        while (true)
        {
            var (count, fault) = await _backbone.ReadAsync(orders, positions, null, 100, TimeSpan.Zero, Take, default);
            if (fault is not null)
            {
                throw new BrokenPromise($"the topic cannot be read: {fault}");
            }

            if (count == 0)
            {
                break;
            }
        }

        topic.Sort();
        Say($"topic: {string.Join(' ', topic)}; positions {string.Join(' ', positions)} of {string.Join(' ', orders.State.Partitions.Select(one => one.End))}");
        _ledger.Close(topic, s_subscriptions);

        void Take(int partition, ReadOnlyMemory<byte> frame) => topic.Add((partition, new EventFrame(frame.Span).Offset, Encoding.UTF8.GetString(new EventFrame(frame.Span).Id)));
    }

    private T WithGate<T>(Func<T> read)
    {
        lock (_backbone.Store.Gate)
        {
            return read();
        }
    }

    private long Now => _time.GetMicroseconds();

    private void Say(string what) => _log.Add(what);

    /// <summary>What the store has of a queue, for whoever has to understand a failure.</summary>
    public string Describe(string subscription)
    {
        _backbone.FindQueue(subscription, out var queue);
        var entries = queue.State.Queue.Live.Values.Concat(queue.State.Queue.Dead.Values)
            .Select(entry => $"{entry.Place} {entry.State} attempt {entry.Attempts} due {entry.Due} rank {entry.Rank}: {string.Join(", ", entry.History)}");
        return $"{subscription}: floors {string.Join(' ', queue.State.Queue.Considered.Select(one => one.Floor))}\n{string.Join('\n', entries)}";
    }

    private void RunWork()
    {
        while (_work.TryDequeue(out var work))
        {
            work();
        }
    }

    private async Task OpenAsync()
    {
        var yaml = $$"""
            store: { segment: 32MiB }
            topics: { orders: { partitions: 3, segment: 1MiB, dedup: 7d } }
            subscriptions:
              strict: { topic: orders, order: {{(options.ReleasesEarly ? "none" : "key")}}, lease: 2s, retry: { first: 200ms, cap: 1s, attempts: {{Attempts}} } }
              loose: { topic: orders, lease: 2s, retry: { first: 200ms, cap: 1s, attempts: {{Attempts}} } }
            """;
        var problems = new Problems();
        var document = ConfigDocument.Parse("test.yaml", yaml, ReferenceSource.None, problems, "/");
        var shape = BackboneOptions.AddTo(Shapes.Object("test", "", () => new Options()), o => o.Backbone, (o, v) => o with { Backbone = v });
        shape.ReadUsable(document.Root!, problems, out var read);
        var plan = BackbonePlan.Build(read!.Backbone, document, "/", problems);
        Assert.Empty(problems.All);
        plan = plan with
        {
            Store = plan.Store! with { SegmentBytes = 64 << 10 },
            Topics = plan.Topics.ToDictionary(one => one.Key, one => one.Value with { SegmentBytes = 4 << 10 }), // some events each, so that files come and go
        };
        var settings = new BackboneSettings { Disk = _disk, Time = _time, Loggers = NullLoggerFactory.Instance, Random = new Random(seed), IsBackground = false, Run = _work.Enqueue };
        _backbone = (await Backbone.OpenAsync(plan, settings, problems))!;
        Assert.Empty(problems.All);
        Assert.True(options.IsLying || _backbone.Store.State.Damages.Count == 0, string.Join('\n', _backbone.Store.State.Damages));
        CheckReadable();
        _backbone.Tick();
    }

    /// <summary>A start leaves nothing that cannot be read.</summary>
    private void CheckReadable()
    {
        if (options.IsLying || _backbone.FindTopic("orders", out var topic) is not null)
        {
            return;
        }

        for (var partition = 0; partition < topic.State.Partitions.Length; partition++)
        {
            Assert.True(_backbone.Store.Files.TryGet(topic.State.Id, partition, out var log));
            Assert.Equal(topic.State.Partitions[partition].End, log.End);
            for (var offset = log.Start; offset < log.End;)
            {
                using var block = log.Read(offset, 1 << 20);
                if (block.LostUntil is { } lost)
                {
                    throw new BrokenPromise($"offsets {offset} to {lost} of partition {partition} cannot be read after a start");
                }

                offset += (ulong)block.Count;
            }
        }
    }

    private sealed record Options
    {
        public BackboneOptions Backbone { get; init; } = new();
    }
}

/// <param name="Crashes">Whether the power may go off.</param>
internal sealed record SimulationOptions(bool Crashes)
{
    /// <summary>A disk that says it synced and did not: then answers come before what they promise is durable.</summary>
    public bool IsLying { get; init; }

    /// <summary>A queue that gives out events of a key whose head is not finished.</summary>
    public bool ReleasesEarly { get; init; }
}
