using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>Topics and subscriptions that requests make. The file's own are not theirs to change.</summary>
internal sealed partial class Backbone
{
    private BackbonePlan _plan = BackbonePlan.Empty;

    /// <param name="options">JSON or YAML; empty for the defaults.</param>
    public async Task<Fault?> PutTopicAsync(string name, string options, CancellationToken cancellation)
    {
        if (Read(options, TopicOptions.Shape, name, out var read) is { } wrong)
        {
            return wrong;
        }

        var plan = TopicPlan.Build(name, read!, options);
        Fault? fault = null;
        return await ChangeAsync(
            () =>
            {
                fault = _plan.Topics.ContainsKey(name) ? BackboneFaults.Exists.With($"topic '{name}' is in the file; change it there")
                    : Find(name) is { } state && state.Partitions.Length != plan.Partitions
                        ? BackboneFaults.Exists.With($"topic '{name}' has {state.Partitions.Length} partitions, by which its keys are spread; keep them")
                    : null;
                if (fault is null)
                {
                    Declare(plan, isByHand: true, options);
                }
            },
            cancellation,
            options.Length,
            bringsData: true) ?? fault;
    }

    public async Task<Fault?> DeleteTopicAsync(string name, CancellationToken cancellation)
    {
        Fault? fault = null;
        return await ChangeAsync(
            () =>
            {
                var state = Find(name);
                var readers = Store.State.Subscriptions.Values.Where(subscription => subscription.Topic == state).Select(subscription => subscription.Name).ToArray();
                fault = state is null ? BackboneFaults.NoSuchTopic.With($"unknown topic '{name}'{Nearest.Suggest(name, _topics.Keys)}")
                    : _plan.Topics.ContainsKey(name) ? BackboneFaults.InUse.With($"topic '{name}' is in the file; take it out there first")
                    : readers.Length > 0 ? BackboneFaults.InUse.With($"topic '{name}' is read by {string.Join(", ", readers)}; delete these subscriptions first")
                    : null;
                if (fault is null)
                {
                    Store.Begin(RecordKind.TopicDeleted).Int(state!.Id);
                    Store.Append();
                    if (_topics.Remove(name, out var topic))
                    {
                        topic.IsGone = true;
                    }

                    _settings.Metrics?.ForgetTopic(name);
                    _held.Remove(state);
                    _served = [.. _topics.Values];
                }
            },
            cancellation) ?? fault;
    }

    /// <param name="options">JSON or YAML, with <c>topic</c>.</param>
    public async Task<Fault?> PutSubscriptionAsync(string name, string options, CancellationToken cancellation)
    {
        if (Read(options, SubscriptionOptions.Shape, name, out var read) is { } wrong)
        {
            return wrong;
        }

        var plan = SubscriptionPlan.Build(name, read!, options);
        Fault? fault = null;
        return await ChangeAsync(
            () =>
            {
                var state = FindSubscription(name);
                fault = _plan.Subscriptions.ContainsKey(name) ? BackboneFaults.Exists.With($"subscription '{name}' is in the file; change it there")
                    : !_topics.ContainsKey(plan.Topic) ? BackboneFaults.NoSuchTopic.With($"unknown topic '{plan.Topic}'{Nearest.Suggest(plan.Topic, _topics.Keys)}")
                    : state is not null && (state.Topic.Name != plan.Topic || state.Mode != plan.Mode)
                        ? BackboneFaults.Exists.With($"subscription '{name}' is a {state.Mode.ToString().ToLowerInvariant()} of '{state.Topic.Name}'; delete it first, or use another name")
                    : null;
                if (fault is null)
                {
                    Declare(plan, isByHand: true, options);
                }
            },
            cancellation,
            options.Length,
            bringsData: true) ?? fault;
    }

    public async Task<Fault?> DeleteSubscriptionAsync(string name, CancellationToken cancellation)
    {
        Fault? fault = null;
        return await ChangeAsync(
            () =>
            {
                var state = FindSubscription(name);
                fault = state is null ? Unknown(name, "queue")
                    : _plan.Subscriptions.ContainsKey(name) ? BackboneFaults.InUse.With($"subscription '{name}' is in the file; take it out there first")
                    : null;
                if (fault is null)
                {
                    Store.Begin(RecordKind.SubscriptionDeleted).Int(state!.Id);
                    Store.Append();
                    Forget(name);
                }
            },
            cancellation) ?? fault;
    }

    /// <summary>Serves again what requests had made before a restart. Under the gate, topics before subscriptions.</summary>
    private void DeclareByHand(BackbonePlan plan, bool topics)
    {
        if (topics)
        {
            foreach (var state in Store.State.Topics.Values.Where(state => state.IsByHand && !plan.Topics.ContainsKey(state.Name)).ToArray())
            {
                if (Read(state.Options, TopicOptions.Shape, state.Name, out var options) is null)
                {
                    Declare(TopicPlan.Build(state.Name, options!, state.Options), isByHand: true, state.Options);
                }
            }

            return;
        }

        foreach (var state in Store.State.Subscriptions.Values.Where(state => state.IsByHand && !plan.Subscriptions.ContainsKey(state.Name) && _topics.ContainsKey(state.Topic.Name)).ToArray())
        {
            if (Read(state.Options, SubscriptionOptions.Shape, state.Name, out var options) is null)
            {
                Declare(SubscriptionPlan.Build(state.Name, options!, state.Options), isByHand: true, state.Options);
            }
        }
    }

    private static Fault? Read<T>(string text, Shape<T> shape, string name, out T? options)
        where T : class
    {
        options = null;
        if (!KeyRule.Name.IsAllowed(name))
        {
            return BackboneFaults.BadRequest.With($"'{name}' is not allowed; {KeyRule.Name.Requirement}");
        }

        var problems = new Problems();
        var document = ConfigDocument.Parse("body", text.Length == 0 ? "{}" : text, ReferenceSource.None, problems);
        if (document.Root is null || !shape.ReadUsable(document.Root, problems, out options) || problems.Any)
        {
            var said = new StringBuilder();
            foreach (var problem in problems.All.Take(10))
            {
                said.Append(said.Length > 0 ? "; " : "").Append(problem);
            }

            return BackboneFaults.BadRequest.With(said.ToString());
        }

        return null;
    }
}
