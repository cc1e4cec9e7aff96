using Lakou.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Upstreams.Discovery;

/// <param name="State"><c>waiting</c> for the first list, <c>current</c>, or <c>stale</c>: the last list is kept because there is no newer to be had.</param>
/// <param name="Since">When the state began.</param>
/// <param name="LastList">When the last list came; null before the first.</param>
/// <param name="LastError">What the last failure was, also after it is over; null before the first.</param>
internal sealed record DiscoveryStatus(string State, DateTimeOffset Since, DateTimeOffset? LastList, string? LastError)
{
    public const string Waiting = "waiting";
    public const string Current = "current";
    public const string Stale = "stale";
}

/// <summary>
/// Asks the source of an upstream's endpoints, for as long as the upstream has this source: hands on what changed, keeps what is known when
/// it fails, and asks again.
/// <code>
///            list                     failure
/// waiting ─────────► current ◄───────────────────► stale
///    └ failure: ½–30 s, and again          ½–30 s, and again
/// </code>
/// Runs on the thread pool.
/// </summary>
internal sealed class UpstreamDiscovery : IDisposable
{
    /// <summary>More are cut off. A hash has places for some more (<see cref="Balancing.MaglevTable.MaxEndpoints"/>).</summary>
    public const int MostEndpoints = 5000;

    private const int MostNamed = 10;

    // client-go begins at 0.8 s and ends at 30 s.
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly string _upstream;
    private readonly Action<UpstreamDiscovery, IReadOnlyList<EndpointPlan>> _found;
    private readonly SourceMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _firstTry = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IEndpointSource? _source;
    private IReadOnlyList<EndpointPlan>? _last;
    private DiscoveryStatus _status;

    /// <param name="upstream">Its name.</param>
    /// <param name="plan">Where its endpoints come from.</param>
    /// <param name="found">Gets each list that differs from the one before.</param>
    /// <param name="metrics">Shared by all upstreams.</param>
    /// <param name="time">Of waiting.</param>
    /// <param name="log">Told of changes, of the first failure in a row, and of its end.</param>
    public UpstreamDiscovery(
        string upstream, DiscoveryPlan plan, Action<UpstreamDiscovery, IReadOnlyList<EndpointPlan>> found, DiscoveryMetrics metrics, TimeProvider time, ILogger log)
    {
        Plan = plan;
        (_upstream, _found, _time, _log) = (upstream, found, time, log);
        _metrics = metrics.AddSource(upstream, plan.Kind, () => Status.State == DiscoveryStatus.Current);
        _status = new(DiscoveryStatus.Waiting, time.GetUtcNow(), null, null);
    }

    public DiscoveryPlan Plan { get; }

    public DiscoveryStatus Status => Volatile.Read(ref _status);

    /// <summary>Done when the first list was handed on, or could not be had.</summary>
    public Task FirstTry => _firstTry.Task;

    public void Start() => _ = Task.Run(RunAsync);

    /// <summary>Nothing is handed on any more, but for what is being handed on right now. Runs nobody's code: it is called under the upstream's gate.</summary>
    public void Dispose()
    {
        _ = _stop.CancelAsync();
        _firstTry.TrySetResult();
    }

    private async Task RunAsync()
    {
        try
        {
            for (var failures = 0; ;)
            {
                var failure = await TryNextAsync();
                _firstTry.TrySetResult();
                failures = failure is null ? 0 : failures + 1;
                if (failure is { IsNews: false })
                {
                    await Task.Delay(WaitAfter(failures), _time, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The upstream is gone, or has another source.
        }
        finally
        {
            await (_source?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    /// <summary>Null when a list came.</summary>
    private async Task<DiscoveryException?> TryNextAsync()
    {
        try
        {
            _source ??= Plan.Open(_time, warning => _log.LogWarning("Upstream {Upstream}: {Event}", _upstream, warning));
            OnList(await _source.NextAsync(_stop.Token));
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException && !_stop.IsCancellationRequested)
        {
            if (e is not DiscoveryException failure)
            {
                _log.LogError(e, "lakou/bug in the discovery of upstream {Upstream}", _upstream);
                failure = new DiscoveryException(DiscoveryFailure.Answer, "an unexpected error, see the log");
            }

            OnFailure(failure);
            return failure;
        }
    }

    private void OnList(IReadOnlyList<EndpointPlan> list)
    {
        list = [.. list.DistinctBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal)];
        if (list.Count > MostEndpoints)
        {
            _log.LogWarning("Upstream {Upstream}: {Source} gives {Count} endpoints; only the first {Most} are used", _upstream, Plan, list.Count, MostEndpoints);
            list = [.. list.Take(MostEndpoints)];
        }

        var (before, status, now) = (_last, Status, _time.GetUtcNow());
        if (before is null || !before.SequenceEqual(list))
        {
            _last = list;
            _found(this, list);
            _metrics.Changes.Increment();
            TellChange(before ?? [], list);
        }

        Volatile.Write(ref _status, status with { State = DiscoveryStatus.Current, Since = status.State == DiscoveryStatus.Current ? status.Since : now, LastList = now });
        if (status.State == DiscoveryStatus.Stale)
        {
            _log.LogInformation("Upstream {Upstream}: {Source} answers again, after {Lasted}", _upstream, Plan, Durations.Format(TimeSpan.FromSeconds(Math.Round((now - status.Since).TotalSeconds))));
        }
    }

    private void OnFailure(DiscoveryException failure)
    {
        _metrics.Failures[failure.Reason].Increment();
        var status = Status;
        var state = _last is null ? DiscoveryStatus.Waiting : DiscoveryStatus.Stale;
        Volatile.Write(ref _status, status with { State = state, Since = status.State == state ? status.Since : _time.GetUtcNow(), LastError = failure.Message });
        if (failure.IsNews || status.State != state || status.LastError is null)
        {
            _log.LogWarning(
                "Upstream {Upstream}: {Source} gives no endpoints, {Reason}: {Failure}. {Kept}",
                _upstream, Plan, failure.Reason, failure.Message, _last is null ? "There are none yet" : $"The last {_last.Count} are kept");
        }
    }

    private void TellChange(IReadOnlyList<EndpointPlan> before, IReadOnlyList<EndpointPlan> now)
    {
        var (old, current) = (Names(before), Names(now));
        string[] added = [.. current.Except(old)], removed = [.. old.Except(current)];
        _log.Log(
            now.Count == 0 ? LogLevel.Warning : LogLevel.Information,
            "Upstream {Upstream}: {Source} gives {Count} endpoints; {Change}",
            _upstream, Plan, now.Count, added.Length + removed.Length == 0 ? "other weights or tiers" : $"added: {List(added)}; removed: {List(removed)}");

        static List<string> Names(IReadOnlyList<EndpointPlan> endpoints) => [.. endpoints.Select(endpoint => endpoint.Address.Text)];

        static string List(string[] names)
            => names.Length == 0 ? "none" : string.Join(", ", names.Take(MostNamed)) + (names.Length > MostNamed ? $" and {names.Length - MostNamed} more" : "");
    }

    /// <summary>Doubles, and is random from its half on: many gateways that lost the same source do not come back together.</summary>
    private static TimeSpan WaitAfter(int failures)
    {
        var whole = Math.Min(LongestWait.TotalSeconds, FirstWait.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 10)));
        return TimeSpan.FromSeconds(whole * (0.5 + (Random.Shared.NextDouble() / 2)));
    }
}
