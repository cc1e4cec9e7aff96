using Lakou.Core.Faults;

namespace Lakou.Gateway.Upstreams.Health;

internal enum HealthState
{
    Healthy,

    /// <summary>Probes failed.</summary>
    Unhealthy,

    /// <summary>Traffic failed.</summary>
    Ejected,

    /// <summary>By hand: nothing new; probed.</summary>
    Draining,

    /// <summary>By hand: nothing new, and not probed.</summary>
    Disabled,
}

/// <param name="State">In this order of strength from the end: what was done by hand hides what probes say, and that hides an ejection.</param>
/// <param name="Reason">Null when healthy.</param>
/// <param name="Since">When the state began.</param>
internal sealed record HealthStatus(HealthState State, string? Reason, DateTimeOffset Since);

/// <summary>
/// What is known of one endpoint. Traffic is counted here, without a lock and, when all is well, without a write; what follows from
/// the counts is decided by <see cref="UpstreamHealth"/>, whose gate guards all other fields.
/// </summary>
internal sealed class EndpointHealth
{
    private HealthStatus _status = new(HealthState.Healthy, null, default);
    private Watch? _watch;
    private int _failuresInRow;
    private int _requests;
    private int _failures;
    private long _countsFrom;

    public HealthStatus Status
    {
        get => Volatile.Read(ref _status);
        set => Volatile.Write(ref _status, value);
    }

    public bool IsUsable => Status.State == HealthState.Healthy;

    /// <summary>Not taken out by hand.</summary>
    public bool IsInService => Status.State < HealthState.Draining;

    /// <summary>Failures since the last success.</summary>
    public int FailuresInRow => Volatile.Read(ref _failuresInRow);

    /// <summary>The last failure's, for people.</summary>
    public string LastFailure { get; private set; } = "";

    /// <summary>Guarded by the gate: draining or disabled, else healthy.</summary>
    public HealthState ByHand { get; set; }

    /// <summary>Guarded by the gate: stands for the configured one.</summary>
    public int? WeightByHand { get; set; }

    /// <summary>Guarded by the gate.</summary>
    public Ejection Ejection { get; } = new();

    /// <summary>Guarded by the gate.</summary>
    public ProbeRecord Probes { get; } = new();

    /// <summary>Its upstream counts it from here on; null when it has left.</summary>
    public void CountFor(UpstreamHealth? upstream, EndpointState endpoint, PassiveOptions options)
        => Volatile.Write(ref _watch, upstream is null ? null : new(upstream, endpoint, options));

    /// <summary>A request ended with a whole answer.</summary>
    /// <param name="status">Of the answer.</param>
    /// <param name="started">When the request was sent.</param>
    public void Answered(int status, long started)
    {
        if (Volatile.Read(ref _watch) is { } watch && watch.Options.Statuses.Contains(status))
        {
            Failed($"status {status}", started);
        }
        else if (status != 0)
        {
            Succeeded();
        }
    }

    /// <summary>An attempt succeeded, or a connection of layer 4 was opened.</summary>
    public void Succeeded()
    {
        if (FailuresInRow != 0)
        {
            Volatile.Write(ref _failuresInRow, 0);
        }

        if (Volatile.Read(ref _watch) is { Options.HasWindow: true })
        {
            Interlocked.Increment(ref _requests);
        }
    }

    /// <summary>An attempt failed, and the endpoint is to blame.</summary>
    /// <param name="what">For people.</param>
    /// <param name="started">Attempts from before the last return into service say nothing of what it is now.</param>
    public void Failed(string what, long started)
    {
        if (Volatile.Read(ref _watch) is not { } watch || !IsUsable || started < Volatile.Read(ref _countsFrom))
        {
            return;
        }

        LastFailure = what;
        if (watch.Options.HasWindow)
        {
            Interlocked.Increment(ref _requests);
            Interlocked.Increment(ref _failures);
        }

        // One of those that fail at once sees the number itself, and has it looked at: not on this thread, which may be an event loop.
        if (watch.Options.Failures > 0 && Interlocked.Increment(ref _failuresInRow) == watch.Options.Failures)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static watch => watch.Upstream.OnFailuresInRow(watch.Endpoint), watch, preferLocal: false);
        }
    }

    /// <inheritdoc cref="Failed(string, long)"/>
    public void Failed(FaultCode code, long started) => Failed(code.Name, started);

    public void ForgetFailuresInRow() => Volatile.Write(ref _failuresInRow, 0);

    /// <summary>A window ends: its counts, and zero for the next.</summary>
    public (int Requests, int Failures) TakeWindow() => (Interlocked.Exchange(ref _requests, 0), Interlocked.Exchange(ref _failures, 0));

    /// <summary>Back in service: what was counted before is no longer true.</summary>
    public void StartAnew(long now)
    {
        Volatile.Write(ref _countsFrom, now);
        ForgetFailuresInRow();
        TakeWindow();
    }

    private sealed record Watch(UpstreamHealth Upstream, EndpointState Endpoint, PassiveOptions Options);
}
