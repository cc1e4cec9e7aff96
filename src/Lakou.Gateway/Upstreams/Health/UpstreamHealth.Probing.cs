using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>When probes run and what becomes of them. At most one runs for an endpoint.</summary>
internal sealed partial class UpstreamHealth
{
    private bool IsProbed(EndpointHealth health) => _options.Active is not null && health.ByHand != HealthState.Disabled;

    /// <summary>A plan comes: endpoints that were not probed before begin at some moment of the first interval, so that not all begin at once.</summary>
    private void FollowProbes(EndpointState endpoint, bool begins, bool changed, long now)
    {
        var probes = endpoint.Health.Probes;
        if (_options.Active is not { } active)
        {
            probes.Forget();
        }
        else if (begins)
        {
            probes.Due = now + Ejection.Ticks(active.Interval * Random.Shared.NextDouble(), Time);
        }
        else if (changed)
        {
            probes.Restart();
            probes.Due = Math.Min(probes.Due, now + Ejection.Ticks(active.Interval * Random.Shared.NextDouble(), Time));
        }
    }

    private void StartProbes(long now)
    {
        foreach (var endpoint in _endpoints.Where(endpoint => IsProbed(endpoint.Health) && !endpoint.Health.Probes.IsRunning && now >= endpoint.Health.Probes.Due))
        {
            endpoint.Health.Probes.IsRunning = true;
            _ = Task.Run(() => ProbeAsync(endpoint, _options.Active!, now));
        }
    }

    private async Task ProbeAsync(EndpointState endpoint, ActiveOptions options, long started)
    {
        ProbeResult result;
        try
        {
            result = await new Probe(_transport, endpoint.Address, options, Time).RunAsync(endpoint.Health.Probes.Life.Token);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _log.LogError(e, "lakou/bug in a probe of {Endpoint}", endpoint.Address.Text);
            result = new("answer", "the probe failed");
        }

        await Task.Yield(); // off the event loop of its connection
        Change(now =>
        {
            var probes = endpoint.Health.Probes;
            probes.IsRunning = false;

            // Not what a former plan asked for, nor of an endpoint that has left, or was disabled meanwhile.
            if (options == _options.Active && IsProbed(endpoint.Health) && _endpoints.Contains(endpoint))
            {
                var jitter = 1 + (options.Jitter * ((2 * Random.Shared.NextDouble()) - 1));
                probes.Due = Math.Max(now, started + Ejection.Ticks(options.Interval * jitter, Time));
                _metrics.Probed(Name, endpoint.Address.Text, result.Outcome);
                probes.Accept(result, options);
            }

            return false;
        });
    }
}
