using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>Ejecting, and what bounds it. All of it runs under the gate.</summary>
internal sealed partial class UpstreamHealth
{
    // Envoy's success_rate_minimum_hosts: fewer make no distribution.
    private const int LeastEndpoints = 5;

    /// <summary>Does nothing to an endpoint that is out of use anyway, or no longer here.</summary>
    private void Eject(EndpointState endpoint, string rule, string reason, long now)
    {
        var health = endpoint.Health;
        if (!health.IsUsable || health.Ejection.IsOn || !_endpoints.Contains(endpoint))
        {
            return;
        }

        var inService = _endpoints.Count(one => one.Health.IsInService);
        var most = Ejection.Most(inService, _options.Passive.MaxEjected);
        if (_endpoints.Count(one => one.Health is { IsInService: true, Ejection.IsOn: true }) >= most)
        {
            if (inService > 1)
            {
                _metrics.Withheld(Name, endpoint.Address.Text);
            }

            return;
        }

        health.Ejection.Begin(reason, _options.Passive, now, Time);
        _metrics.Ejected(Name, endpoint.Address.Text, rule);
    }

    private void CloseWindow(long now)
    {
        var passive = _options.Passive;
        var counts = _endpoints.Select(endpoint => (Endpoint: endpoint, Window: endpoint.Health.TakeWindow()))
            .Where(one => one.Window.Requests >= passive.MinRequests && one.Endpoint.Health.IsUsable)
            .Select(one => (one.Endpoint, one.Window, Share: Math.Min(1, (double)one.Window.Failures / one.Window.Requests)))
            .OrderByDescending(one => one.Share) // the worst first: max-ejected may not leave room for all
            .ToArray();
        foreach (var (endpoint, window, _) in counts.Where(one => one.Share >= passive.FailureShare))
        {
            Eject(endpoint, EjectionReason.FailureShare, $"{window.Failures} of {window.Requests} requests failed within {Durations.Format(passive.Window)}", now);
        }

        if (passive.Deviations is { } deviations && counts.Length >= LeastEndpoints)
        {
            var mean = counts.Average(one => one.Share);
            var deviation = Math.Sqrt(counts.Average(one => (one.Share - mean) * (one.Share - mean)));
            foreach (var (endpoint, window, _) in counts.Where(one => one.Share > mean + (deviations * deviation)))
            {
                Eject(endpoint, EjectionReason.Deviations, $"{window.Failures} of {window.Requests} requests failed within {Durations.Format(passive.Window)}, far more than of others", now);
            }
        }
    }
}
