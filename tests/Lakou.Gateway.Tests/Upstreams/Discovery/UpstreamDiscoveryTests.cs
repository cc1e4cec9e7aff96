using System.Collections.Concurrent;
using System.Threading.Channels;
using Lakou.Core.Metrics;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Discovery;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class UpstreamDiscoveryTests
{
    private static readonly DiscoveryException s_gone = new(DiscoveryFailure.Unreachable, "gone");

    [Fact]
    public async Task Only_lists_that_differ_are_handed_on()
    {
        using var world = new World();
        world.Say("http://a:1", "http://b:1");
        world.Say("http://a:1", "http://b:1");
        world.Say("http://b:1", "http://c:1", "http://c:1");
        await Waiting.UntilAsync(() => world.Lists.Length == 2);
        Assert.Equal(["http://a:1 http://b:1", "http://b:1 http://c:1"], world.Lists);
        Assert.Equal(
        [
            "Information: Upstream app: test x gives 2 endpoints; added: http://a:1, http://b:1; removed: none",
            "Information: Upstream app: test x gives 2 endpoints; added: http://c:1; removed: http://a:1",
        ], world.Log);
        Assert.Equal((2, 0), (world.Metric("changes_total"), world.Metric("failures_total", DiscoveryFailure.Unreachable)));
    }

    [Fact]
    public async Task The_first_failure_in_a_row_and_its_end_are_logged_and_every_one_counted()
    {
        using var world = new World();
        world.Say("http://a:1");
        for (var i = 0; i < 5; i++)
        {
            world.Say(new DiscoveryException(DiscoveryFailure.Unreachable, $"gone {i}"));
        }

        world.Say("http://a:1");
        await world.PassUntilAsync(() => world.Log.Length == 3);
        Assert.Equal(
        [
            "Information: Upstream app: test x gives 1 endpoints; added: http://a:1; removed: none",
            "Warning: Upstream app: test x gives no endpoints, unreachable: gone 0. The last 1 are kept",
        ], world.Log[..2]);
        Assert.StartsWith("Information: Upstream app: test x answers again, after ", world.Log[2], StringComparison.Ordinal);
        Assert.Single(world.Lists);
        Assert.Equal(5, world.Metric("failures_total", DiscoveryFailure.Unreachable));
        Assert.Equal(("current", "gone 4"), (world.Discovery.Status.State, world.Discovery.Status.LastError));
    }

    [Fact]
    public async Task While_a_source_fails_the_last_list_is_stale()
    {
        using var world = new World();
        Assert.Equal("waiting", world.Discovery.Status.State);
        world.Say(s_gone);
        await world.Discovery.FirstTry.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(("waiting", "gone", 0), (world.Discovery.Status.State, world.Discovery.Status.LastError, world.Metric("current")));
        world.Say("http://a:1");
        await world.PassUntilAsync(() => world.Discovery.Status.State == "current");
        Assert.Equal(1, world.Metric("current"));
        world.Say(s_gone);
        await Waiting.UntilAsync(() => world.Discovery.Status.State == "stale");
        Assert.Equal(0, world.Metric("current"));
    }

    [Fact]
    public async Task Waits_double_up_to_half_a_minute_and_begin_anew_after_a_list()
    {
        using var world = new World();
        double[] longest = [0.5, 1, 2, 4, 8, 16, 30, 30];
        for (var i = 0; i < longest.Length; i++)
        {
            world.Say(s_gone);
            await Waiting.UntilAsync(() => world.Waits == i + 1);
            world.Time.Advance(TimeSpan.FromSeconds(longest[i] / 2) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(i + 1, world.Asked);
            world.Time.Advance(TimeSpan.FromSeconds(longest[i] / 2) + TimeSpan.FromMilliseconds(1));
            await Waiting.UntilAsync(() => world.Asked == i + 2);
        }

        world.Say("http://a:1");
        await Waiting.UntilAsync(() => world.Asked == longest.Length + 2);
        world.Say(s_gone);
        await Waiting.UntilAsync(() => world.Waits == longest.Length + 1);
        world.Time.Advance(TimeSpan.FromSeconds(0.5));
        await Waiting.UntilAsync(() => world.Asked == longest.Length + 3);
    }

    [Fact]
    public async Task News_is_logged_each_time_and_nothing_waits()
    {
        using var world = new World();
        world.Say(new DiscoveryException(DiscoveryFailure.File, "line 1") { IsNews = true });
        world.Say(new DiscoveryException(DiscoveryFailure.File, "line 2") { IsNews = true });
        await Waiting.UntilAsync(() => world.Asked == 3);
        Assert.Equal(
        [
            "Warning: Upstream app: test x gives no endpoints, file: line 1. There are none yet",
            "Warning: Upstream app: test x gives no endpoints, file: line 2. There are none yet",
        ], world.Log);
    }

    [Fact]
    public async Task A_bug_in_a_source_is_told_and_survived()
    {
        using var world = new World();
        world.Say(new InvalidOperationException("oops"));
        world.Say("http://a:1");
        await world.PassUntilAsync(() => world.Lists.Length == 1);
        Assert.StartsWith("Error: lakou/bug in the discovery of upstream app", world.Log[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_cannot_be_opened_is_tried_again()
    {
        using var world = new World(unopened: 2);
        world.Say("http://a:1");
        await world.PassUntilAsync(() => world.Lists.Length == 1);
        Assert.Equal("Warning: Upstream app: test x gives no endpoints, not-found: no pod. There are none yet", world.Log[0]);
        Assert.Equal(2, world.Metric("failures_total", DiscoveryFailure.NotFound));
    }

    [Fact]
    public async Task More_endpoints_than_anyone_has_are_cut_off()
    {
        using var world = new World();
        world.Say([.. Enumerable.Range(0, UpstreamDiscovery.MostEndpoints + 1).Select(i => $"http://10.{i >> 16}.{(i >> 8) & 255}.{i & 255}:1")]);
        await Waiting.UntilAsync(() => world.Lists.Length == 1);
        Assert.Equal(UpstreamDiscovery.MostEndpoints, world.Lists[0].Split(' ').Length);
        Assert.Contains(world.Log, line => line.Contains("gives 5001 endpoints; only the first 5000 are used", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_end_closes_the_source_and_the_family_forgets_it()
    {
        var world = new World();
        world.Say("http://a:1");
        await Waiting.UntilAsync(() => world.Lists.Length == 1);
        world.Dispose();
        await world.Closed.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.True(world.Discovery.FirstTry.IsCompleted);
    }

    private sealed class World : ILogger, IEndpointSource, IDisposable
    {
        private readonly Channel<object> _script = Channel.CreateBounded<object>(100);
        private readonly ConcurrentQueue<string> _log = new();
        private readonly ConcurrentQueue<string> _lists = new();
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly MetricRegistry _registry = new();
        private readonly CountingTime _time = new();
        private int _asked;

        public World(int unopened = 0)
        {
            Discovery = new("app", new("test", "x", "http", "x", (_, _) => unopened-- > 0 ? throw new DiscoveryException(DiscoveryFailure.NotFound, "no pod") : this), (_, list) => _lists.Enqueue(string.Join(' ', list.Select(one => one.Address.Text))), new(_registry), _time, this);
            Discovery.Start();
        }

        public UpstreamDiscovery Discovery { get; }

        public ManualTime Time => _time.Manual;

        /// <summary>Waits begun so far.</summary>
        public int Waits => _time.Timers;

        public int Asked => Volatile.Read(ref _asked);

        public string[] Log => [.. _log];

        public string[] Lists => [.. _lists];

        public Task Closed => _closed.Task;

        public void Say(params string[] endpoints) => _script.Writer.TryWrite(endpoints);

        public void Say(Exception failure) => _script.Writer.TryWrite(failure);

        public int Metric(string name, string? reason = null)
        {
            var writer = new System.Buffers.ArrayBufferWriter<byte>();
            _registry.Write(writer);
            var labels = $"{{upstream=\"app\",source=\"test\"{(reason is null ? "" : $",reason=\"{reason}\"")}}} ";
            var line = System.Text.Encoding.UTF8.GetString(writer.WrittenSpan).Split('\n').Single(line => line.StartsWith($"lakou_upstream_discovery_{name}{labels}", StringComparison.Ordinal));
            return int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        }

        public async Task PassUntilAsync(Func<bool> isSo)
        {
            var outcome = Waiting.UntilAsync(isSo);
            await Time.PassUntilAsync(outcome, TimeSpan.FromMilliseconds(250));
            await outcome;
        }

        public async Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop)
        {
            Interlocked.Increment(ref _asked);
            return await _script.Reader.ReadAsync(stop) switch
            {
                string[] endpoints => [.. endpoints.Select(endpoint => new EndpointPlan(EndpointAddress.TryParse(endpoint, out _)!, 1, 0))],
                var failure => throw (Exception)failure,
            };
        }

        public ValueTask DisposeAsync()
        {
            _closed.SetResult();
            return ValueTask.CompletedTask;
        }

        public void Dispose() => Discovery.Dispose();

        IDisposable? ILogger.BeginScope<TState>(TState state) => null;

        bool ILogger.IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => _log.Enqueue($"{logLevel}: {formatter(state, exception)}");
    }

    /// <summary>Manual time that tells how many waits were begun.</summary>
    private sealed class CountingTime : TimeProvider
    {
        private int _timers;

        public ManualTime Manual { get; } = new();

        public int Timers => Volatile.Read(ref _timers);

        public override long TimestampFrequency => Manual.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => Manual.GetUtcNow();

        public override long GetTimestamp() => Manual.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = Manual.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }
}
