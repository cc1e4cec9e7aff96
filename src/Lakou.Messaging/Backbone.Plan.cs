using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging;

/// <summary>From a plan to what is served.</summary>
internal sealed partial class Backbone
{
    /// <summary>What the store says against a plan: nothing is changed by asking.</summary>
    public void Check(BackbonePlan plan, Problems problems)
    {
        lock (Store.Gate)
        {
            foreach (var topic in plan.Topics.Values)
            {
                if (Find(topic.Name) is { } state && state.Partitions.Length != topic.Partitions)
                {
                    problems.Add(
                        $"topics.{topic.Name}.partitions",
                        $"{topic.Partitions} is not allowed: the topic has {state.Partitions.Length}, by which its keys are spread; keep {state.Partitions.Length}, or make a topic of another name");
                }
            }

            foreach (var subscription in plan.Subscriptions.Values)
            {
                if (FindSubscription(subscription.Name) is not { } state)
                {
                    continue;
                }

                if (state.Topic.Name != subscription.Topic)
                {
                    problems.Add($"subscriptions.{subscription.Name}.topic", $"the subscription reads '{state.Topic.Name}' since it was made; use another name, or delete it first: lakou subscriptions delete {subscription.Name}");
                }

                if (state.Mode != subscription.Mode)
                {
                    problems.Add($"subscriptions.{subscription.Name}.mode", $"the subscription is a {state.Mode.ToString().ToLowerInvariant()} since it was made; use another name, or delete it first: lakou subscriptions delete {subscription.Name}");
                }
            }
        }
    }

    /// <summary>Serves what a plan says; what is in the store and not in the plan keeps its place and is not served.</summary>
    public async Task ApplyAsync(BackbonePlan plan, Problems problems)
    {
        Check(plan, problems);
        if (problems.Any)
        {
            return;
        }

        lock (Store.Gate)
        {
            if (IsKnown(plan))
            {
                // Nothing is written, so it needs no room: a start on a full disk serves what is there.
                DeclareTopics(plan);
                DeclareSubscriptions(plan);
                return;
            }
        }

        // Files of new topics are there once their record is committed; queues look at them.
        if ((await DeclareAsync(() => DeclareTopics(plan)) ?? await DeclareAsync(() => DeclareSubscriptions(plan))) is { } fault)
        {
            problems.Add("store.path", fault.Detail);
        }
    }

    private bool IsKnown(BackbonePlan plan)
        => plan.Topics.Keys.All(name => IsKnown(Find(name), isByHand: false, "")) && plan.Subscriptions.Keys.All(name => IsKnown(FindSubscription(name), isByHand: false, ""));

    /// <summary>Whether the store has this declaration already.</summary>
    private static bool IsKnown([NotNullWhen(true)] TopicState? state, bool isByHand, string options) => state is not null && state.IsByHand == isByHand && state.Options == options;

    private static bool IsKnown([NotNullWhen(true)] SubscriptionState? state, bool isByHand, string options) => state is not null && state.IsByHand == isByHand && state.Options == options;

    private void DeclareTopics(BackbonePlan plan)
    {
        foreach (var topic in plan.Topics.Values)
        {
            Declare(topic, isByHand: false, "");
        }

        DeclareByHand(plan, topics: true);
    }

    private void DeclareSubscriptions(BackbonePlan plan)
    {
        foreach (var subscription in plan.Subscriptions.Values)
        {
            Declare(subscription, isByHand: false, "");
        }

        DeclareByHand(plan, topics: false);
        _plan = plan;

        foreach (var name in _queues.Keys.Concat(_logs.Keys).Where(name => !plan.Subscriptions.ContainsKey(name) && FindSubscription(name)?.IsByHand != true).ToArray())
        {
            Forget(name);
        }

        foreach (var name in _topics.Keys.Where(name => !plan.Topics.ContainsKey(name) && Find(name)?.IsByHand != true).ToArray())
        {
            _topics.Remove(name);
            _settings.Metrics?.ForgetTopic(name);
            _log.LogInformation("Topic {Topic} is not in the file any more: it is kept, and not served", name);
        }

        _served = [.. _topics.Values];
        ScheduleNext(Store.Now);
    }

    private TopicState? Find(string name) => Store.State.Topics.Values.FirstOrDefault(topic => topic.Name == name);

    private SubscriptionState? FindSubscription(string name) => Store.State.Subscriptions.Values.FirstOrDefault(subscription => subscription.Name == name);

    private TopicRuntime Declare(TopicPlan plan, bool isByHand, string options)
    {
        _segmentBytes[plan.Name] = plan.SegmentBytes;
        var state = Find(plan.Name);
        if (!IsKnown(state, isByHand, options))
        {
            if (state is null)
            {
                Store.Files.Make(Store.State.NextId, plan.Partitions);
            }

            Store.Begin(RecordKind.TopicDeclared).Int(state?.Id ?? Store.State.NextId).Text(plan.Name).Short(plan.Partitions).Flag(isByHand).Text(options);
            Store.Append();
            state = Find(plan.Name)!;
        }

        if (_topics.TryGetValue(plan.Name, out var runtime))
        {
            runtime.Change(plan);
        }
        else
        {
            _topics.Add(plan.Name, runtime = new TopicRuntime(state, plan, _settings.Time));
            _settings.Metrics?.Follow(runtime, () => Store.Files.BytesOf(state.Id));
        }

        _served = [.. _topics.Values];
        return runtime;
    }

    private void Declare(SubscriptionPlan plan, bool isByHand, string options)
    {
        var topic = _topics[plan.Topic];
        var state = FindSubscription(plan.Name);
        if (!IsKnown(state, isByHand, options))
        {
            var record = Store.Begin(RecordKind.SubscriptionDeclared).Int(state?.Id ?? Store.State.NextId).Text(plan.Name).Int(topic.State.Id).Byte((byte)plan.Mode).Flag(isByHand).Text(options);
            var offsets = StartOf(topic, plan.Start);
            record.Short(offsets.Length);
            Array.ForEach(offsets, offset => record.Long(offset));
            Store.Append();
            state = FindSubscription(plan.Name)!;
        }

        if (plan.Mode == SubscriptionMode.Log)
        {
            if (_logs.TryGetValue(plan.Name, out var log))
            {
                log.Plan = plan;
            }
            else
            {
                var made = new LogRuntime(Store, state, plan, topic);
                _logs.Add(plan.Name, made);
                _settings.Metrics?.Follow(made);
            }
        }
        else if (_queues.TryGetValue(plan.Name, out var queue))
        {
            queue.Change(plan);
        }
        else
        {
            queue = new QueueRuntime(Store, state, plan, topic, _settings.Random, work => _settings.Run(() => Guard(work)));
            _queues.Add(plan.Name, queue);
            topic.Queues.Add(queue);
            _settings.Metrics?.Follow(queue);
        }
    }

    private void Forget(string name)
    {
        _settings.Metrics?.ForgetSubscription(name);
        _logs.Remove(name);
        if (_queues.Remove(name, out var queue))
        {
            queue.IsGone = true;
            queue.EndWaits(long.MaxValue);
            queue.Topic.Queues.Remove(queue);
        }
    }

    /// <summary>For each partition where a start lies.</summary>
    private ulong[] StartOf(TopicRuntime topic, StartOptions start)
    {
        var offsets = new ulong[topic.State.Partitions.Length];
        for (var partition = 0; partition < offsets.Length; partition++)
        {
            var kept = topic.State.Partitions[partition];
            offsets[partition] = start.Kind switch
            {
                StartKind.Earliest => kept.Start,
                StartKind.Latest => kept.End,
                StartKind.Offset => Math.Clamp(start.Offset, kept.Start, kept.End),
                _ when Store.Files.TryGet(topic.State.Id, partition, out var log) => log.OffsetAt(Core.Time.UnixTime.Microseconds(start.Time)),
                _ => kept.Start,
            };
        }

        return offsets;
    }

    /// <summary>As requests do; without a thread of the journal's own, what is decided is written here.</summary>
    private async ValueTask<Fault?> DeclareAsync(Action declare)
    {
        var declared = DecideAsync(0, bringsData: false, declare, null, CancellationToken.None).AsTask();
        while (!_settings.IsBackground && !declared.IsCompleted)
        {
            Store.CommitOnce();
            Store.PrepareOnce();
            await Task.Yield();
        }

        return await declared;
    }
}
