using Lakou.Core.Time;
using Lakou.Transport;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>
/// Decides which endpoints of an upstream get traffic.
/// <code>
///   traffic ── EndpointHealth counts ──┐
///   probes ── ProbeRecord ─────────────┼─► a change under the gate ─► states ─► who is used ─► a new balancer
///   an operator, a clock, a plan ──────┘                                └─► log
/// </code>
/// Every change runs on the thread pool or on its caller's thread, never on an event loop or in a sweep: it may wait for the gate, make a
/// balancer and write the log.
/// </summary>
internal sealed partial class UpstreamHealth : ISwept
{
    private readonly Lock _changeGate;
    private readonly Action _rebuild;
    private readonly HealthMetrics _metrics;
    private readonly LakouTransport _transport;
    private readonly Sweeper _sweeper;
    private readonly ILogger _log;

    private HealthOptions _options = new();
    private IReadOnlyList<EndpointState> _endpoints = [];
    private long _windowEnd;
    private long _due = long.MaxValue;
    private volatile bool _isPanic;

    /// <param name="name">Of the upstream.</param>
    /// <param name="changeGate">The upstream's own: endpoints, their health and the balancer change together.</param>
    /// <param name="rebuild">Called under the gate when other endpoints are to be used.</param>
    /// <param name="metrics">Shared by all upstreams.</param>
    /// <param name="transport">For probes.</param>
    /// <param name="sweeper">Whose clock is used.</param>
    /// <param name="log">For every change of state.</param>
    public UpstreamHealth(string name, Lock changeGate, Action rebuild, HealthMetrics metrics, LakouTransport transport, Sweeper sweeper, ILogger log)
    {
        Name = name;
        (_changeGate, _rebuild, _metrics, _transport, _sweeper, _log) = (changeGate, rebuild, metrics, transport, sweeper, log);
        metrics.AddUpstream(name, () => IsPanic);
        sweeper.Add(this);
    }

    public string Name { get; }

    /// <summary>Too few endpoints are healthy: all are used that were not taken out by hand.</summary>
    public bool IsPanic => _isPanic;

    private TimeProvider Time => _sweeper.Time;

    /// <summary>Whether an endpoint gets traffic.</summary>
    public bool Admits(EndpointState endpoint) => _isPanic ? endpoint.Health.IsInService : endpoint.Health.IsUsable;

    /// <summary>A new plan. Endpoints that it keeps keep their state. Called under the gate; the caller makes the balancer, and tells.</summary>
    /// <returns>For <see cref="Tell"/>, once the gate is left.</returns>
    public IReadOnlyList<Notice> Follow(HealthOptions options, IReadOnlyList<EndpointState> endpoints)
    {
        var now = Time.GetTimestamp();
        var before = (Endpoints: _endpoints, Options: _options);
        (_endpoints, _options) = (endpoints, options);
        foreach (var gone in before.Endpoints.Except(endpoints))
        {
            gone.Health.CountFor(null, gone, options.Passive);
        }

        foreach (var endpoint in endpoints)
        {
            var health = endpoint.Health;
            var isNew = !before.Endpoints.Contains(endpoint);
            if (isNew)
            {
                // With other TLS it is another object of the same name: what was set by hand was set for the name.
                var namesake = before.Endpoints.FirstOrDefault(one => one.Address.Text == endpoint.Address.Text)?.Health;
                (health.ByHand, health.WeightByHand) = (namesake?.ByHand ?? HealthState.Healthy, namesake?.WeightByHand);
                health.Status = health.Status with { Since = Time.GetUtcNow() };
                _metrics.AddEndpoint(Name, endpoint.Address.Text, health);
            }

            if (options.Passive != before.Options.Passive)
            {
                // Other rules count from the beginning: a row that is longer than a new threshold would never meet it.
                health.ForgetFailuresInRow();
                health.TakeWindow();
            }

            health.CountFor(this, endpoint, options.Passive);
            FollowProbes(endpoint, isNew || before.Options.Active is null, options.Active != before.Options.Active, now);
        }

        if (_windowEnd == 0 || options.Passive != before.Options.Passive)
        {
            // Not for each list of endpoints: one that changes all the time would never see the end of a window.
            _windowEnd = now + Ejection.Ticks(options.Passive.Window, Time);
        }

        return Refresh(out _);
    }

    /// <summary>The upstream has left. Not under the gate.</summary>
    public void Dispose()
    {
        _sweeper.Remove(this);
        lock (_changeGate)
        {
            foreach (var endpoint in _endpoints)
            {
                endpoint.Health.CountFor(null, endpoint, _options.Passive);
            }

            _endpoints = [];
            _isPanic = false;
            Volatile.Write(ref _due, long.MaxValue);
        }

        _metrics.RemoveUpstream(Name);
    }

    public void Sweep(long now)
    {
        if (now >= Volatile.Read(ref _due))
        {
            Volatile.Write(ref _due, long.MaxValue); // the change finds the next
            ThreadPool.UnsafeQueueUserWorkItem(static health => health.OnDue(), this, preferLocal: false);
        }
    }

    public void OnFailuresInRow(EndpointState endpoint) => Change(now =>
    {
        // It may have been ejected, have succeeded or have left since.
        var health = endpoint.Health;
        if (_options.Passive.Failures is > 0 and var failures && health.FailuresInRow >= failures)
        {
            Eject(endpoint, EjectionReason.Failures, $"{failures} failures in a row, the last {health.LastFailure}", now);
        }

        health.ForgetFailuresInRow();
        return false;
    });

    /// <summary>Takes an endpoint out, or back in: then all that was held against it is forgotten.</summary>
    /// <param name="endpoint">Of this upstream.</param>
    /// <param name="state">Draining, disabled or healthy.</param>
    public void SetByHand(EndpointState endpoint, HealthState state)
    {
        Change(now =>
        {
            var health = endpoint.Health;
            if (state == HealthState.Healthy)
            {
                health.Ejection.Forget();
                health.Probes.Forget();
                health.Probes.Due = now;
                health.StartAnew(now);
            }

            health.ByHand = state;
            return false;
        });
        if (state == HealthState.Disabled)
        {
            endpoint.CloseIdle();
        }
    }

    /// <param name="endpoint">Of this upstream.</param>
    /// <param name="weight">Null goes back to the configured one.</param>
    public void SetWeightByHand(EndpointState endpoint, int? weight)
    {
        Change(_ =>
        {
            endpoint.Health.WeightByHand = weight;
            return true;
        });
        Tell([new(LogLevel.Information, $"{endpoint.Address.Text} has {(weight is { } some ? $"weight {some}" : "its configured weight again")}, by hand")]);
    }

    /// <summary>Writes what happened. Not under the gate: it may wait for whoever reads the log.</summary>
    public void Tell(IReadOnlyList<Notice> notices)
    {
        foreach (var notice in notices)
        {
            _log.Log(notice.Level, "Upstream {Upstream}: {Event}", Name, notice.Text);
        }
    }

    /// <param name="change">Gets the time; returns whether a new balancer is needed whatever came of it.</param>
    private void Change(Func<long, bool> change)
    {
        IReadOnlyList<Notice> notices;
        lock (_changeGate)
        {
            var now = Time.GetTimestamp();
            var isNeeded = change(now);
            notices = Refresh(out var differs);
            if (differs || isNeeded)
            {
                _rebuild();
            }
        }

        Tell(notices);
    }

    private void OnDue()
    {
        Change(now =>
        {
            foreach (var endpoint in _endpoints.Where(endpoint => endpoint.Health.Ejection is { IsOn: true } ejection && now >= ejection.Until))
            {
                endpoint.Health.Ejection.End(now);
                endpoint.Health.StartAnew(now);
            }

            if (_options.Passive.HasWindow && now >= _windowEnd)
            {
                _windowEnd = now + Ejection.Ticks(_options.Passive.Window, Time);
                CloseWindow(now);
            }

            StartProbes(now);
            return false;
        });
    }

    /// <summary>The states that follow from what is known, whether others are used than before, and what there is to tell.</summary>
    private List<Notice> Refresh(out bool differs)
    {
        var changed = new List<(EndpointState Endpoint, HealthStatus Before)>();
        foreach (var endpoint in _endpoints)
        {
            var (state, reason) = StateOf(endpoint.Health);
            var before = endpoint.Health.Status;
            if (state != before.State)
            {
                endpoint.Health.Status = new(state, reason, Time.GetUtcNow());
                changed.Add((endpoint, before));
            }
            else if (reason != before.Reason)
            {
                endpoint.Health.Status = before with { Reason = reason };
            }
        }

        var usable = _endpoints.Count(endpoint => endpoint.Health.IsUsable);
        var inService = _endpoints.Count(endpoint => endpoint.Health.IsInService);
        var wasPanic = _isPanic;
        _isPanic = usable < inService * _options.Panic;
        Volatile.Write(ref _due, NextDue());
        differs = changed.Count > 0 || _isPanic != wasPanic;
        return Notices(changed, usable, inService, wasPanic);
    }

    private static (HealthState State, string? Reason) StateOf(EndpointHealth health) => health switch
    {
        { ByHand: not HealthState.Healthy } => (health.ByHand, "by hand"),
        { Probes.IsUnhealthy: true } => (HealthState.Unhealthy, health.Probes.Reason),
        { Ejection.IsOn: true } => (HealthState.Ejected, health.Ejection.Reason),
        _ => (HealthState.Healthy, null),
    };

    private long NextDue()
    {
        var due = _options.Passive.HasWindow ? _windowEnd : long.MaxValue;
        foreach (var endpoint in _endpoints)
        {
            var health = endpoint.Health;
            due = health.Ejection.IsOn ? Math.Min(due, health.Ejection.Until) : due;
            due = IsProbed(health) && !health.Probes.IsRunning ? Math.Min(due, health.Probes.Due) : due;
        }

        return due;
    }
}
