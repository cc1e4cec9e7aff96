using System.Buffers;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Events;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Messaging.Tests.Harness;

/// <summary>A backbone in a folder of its own, on the real disk.</summary>
internal sealed class World : IAsyncDisposable
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    private readonly string _directory = Directory.CreateTempSubdirectory("lakou-backbone-").FullName;
    private readonly string _yaml;

    private World(string yaml) => _yaml = yaml;

    public Backbone Backbone { get; private set; } = null!;

    /// <summary>Of the files of topics.</summary>
    public string Topics => Path.Combine(_directory, "data", "topics");

    public static async Task<World> StartAsync(string yaml)
    {
        var world = new World(yaml);
        await world.OpenAsync();
        return world;
    }

    public async Task RestartAsync()
    {
        await Backbone.DisposeAsync();
        await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Backbone.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Publishes plain text; its subject is its key.</summary>
    public async Task<AcceptedEvent> PublishAsync(string topic, string data, string? subject = null, string? id = null, TimeSpan delay = default)
    {
        List<KeyValuePair<string, string>> fields = [];
        if (subject is not null)
        {
            fields.Add(new("ce-subject", subject));
        }

        if (id is not null)
        {
            fields.AddRange([new("ce-specversion", "1.0"), new("ce-id", id), new("ce-source", "/tests"), new("ce-type", "test")]);
        }

        var receipt = await Backbone.AcceptAsync(
            new() { Topic = topic, ContentType = "text/plain", Fields = fields, Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(data)), Delay = delay }, Stop);
        Assert.Null(receipt.Fault);
        return Assert.Single(receipt.Events);
    }

    /// <summary>Publishes so many events without data together.</summary>
    public async Task PublishManyAsync(string topic, int count)
    {
        var batch = $"[{string.Join(',', Enumerable.Range(0, count).Select(_ => $$"""{"specversion":"1.0","id":"{{Guid.NewGuid()}}","source":"/tests","type":"test"}"""))}]";
        var receipt = await Backbone.AcceptAsync(
            new() { Topic = topic, ContentType = "application/cloudevents-batch+json", Fields = [], Body = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(batch)) }, Stop);
        Assert.Equal((null, count), (receipt.Fault, receipt.Events.Count));
    }

    public async Task<IReadOnlyList<Worked>> ReceiveAsync(string subscription, int max = 10, int waitMs = 0)
    {
        Assert.Null(Backbone.FindQueue(subscription, out var queue));
        var (delivery, fault) = await Backbone.ReceiveAsync(queue, max, TimeSpan.FromMilliseconds(waitMs), null, Stop);
        Assert.Null(fault);
        using var events = delivery;
        return [.. delivery.Events.Select(one => new Worked(one.Lease, one.Attempt, Encoding.UTF8.GetString(new EventFrame(one.Frame.Span).Data)))];
    }

    public async Task<Settlement> AcknowledgeAsync(string subscription, params IEnumerable<Worked> worked)
    {
        Assert.Null(Backbone.FindQueue(subscription, out var queue));
        return (await Backbone.AcknowledgeAsync(queue, [.. worked.Select(one => one.Lease)], null, Stop)).Settlement;
    }

    public async Task<Settlement> RefuseAsync(string subscription, Worked worked, TimeSpan? delay = null, string reason = "no")
    {
        Assert.Null(Backbone.FindQueue(subscription, out var queue));
        return (await Backbone.RefuseAsync(queue, [worked.Lease], delay, reason, null, Stop)).Settlement;
    }

    public QueueRuntime Queue(string name)
    {
        Assert.Null(Backbone.FindQueue(name, out var queue));
        return queue;
    }

    private async Task OpenAsync()
    {
        var problems = new Problems();
        var document = ConfigDocument.Parse("test.yaml", _yaml, ReferenceSource.System, problems, _directory);
        var shape = BackboneOptions.AddTo(Shapes.Object("test", "", () => new Options()), o => o.Backbone, (o, v) => o with { Backbone = v });
        Assert.True(shape.ReadUsable(document.Root!, problems, out var options), string.Join('\n', problems.All));
        var plan = BackbonePlan.Build(options.Backbone, document, _directory, problems);
        Assert.Empty(problems.All);
        Backbone = (await Backbone.OpenAsync(plan, new() { Loggers = NullLoggerFactory.Instance }, problems))!;
        Assert.Empty(problems.All);
    }

    private sealed record Options
    {
        public BackboneOptions Backbone { get; init; } = new();
    }
}

internal sealed record Worked(LeaseToken Lease, int Attempt, string Data);
