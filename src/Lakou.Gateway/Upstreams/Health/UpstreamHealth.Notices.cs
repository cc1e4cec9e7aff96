using Lakou.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Upstreams.Health;

/// <param name="Level">Warning when it is worse than before.</param>
/// <param name="Text">What happened, why, and what is left.</param>
internal readonly record struct Notice(LogLevel Level, string Text);

internal sealed partial class UpstreamHealth
{
    private List<Notice> Notices(List<(EndpointState Endpoint, HealthStatus Before)> changed, int usable, int inService, bool wasPanic)
    {
        var notices = new List<Notice>();
        foreach (var (endpoint, before) in changed)
        {
            var address = endpoint.Address.Text;
            var lasted = Durations.Format(TimeSpan.FromSeconds(Math.Round((Time.GetUtcNow() - before.Since).TotalSeconds)));
            var left = $"{usable} of {_endpoints.Count} endpoints are healthy";
            var status = endpoint.Health.Status;
            notices.Add(status.State switch
            {
                HealthState.Unhealthy => new(LogLevel.Warning, $"{address} is unhealthy, probes fail: {status.Reason}. {left}"),
                HealthState.Ejected => new(LogLevel.Warning, $"{address} is ejected: {status.Reason}. {left}"),
                HealthState.Draining => new(LogLevel.Warning, $"{address} drains by hand: it gets nothing new. {left}"),
                HealthState.Disabled => new(LogLevel.Warning, $"{address} is disabled by hand. {left}"),
                _ => new(LogLevel.Information, $"{address} is healthy again, after {lasted} {before.State.ToString().ToLowerInvariant()}. {left}"),
            });
        }

        if (_isPanic != wasPanic)
        {
            if (_isPanic)
            {
                _metrics.Panicked(Name);
            }

            notices.Add(_isPanic
                ? new(LogLevel.Error, $"only {usable} of {inService} endpoints in service are healthy: all {inService} get traffic, whatever is known of them (panic)")
                : new(LogLevel.Warning, $"{usable} of {inService} endpoints in service are healthy: only these get traffic again (panic is over)"));
        }

        return notices;
    }
}
