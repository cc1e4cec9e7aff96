using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Observation;

/// <summary>What routing, filters and forwarding hand on to each other.</summary>
public sealed partial class Exchange
{
    internal Exchange(TimeProvider time, ServerTelemetry telemetry, IFeatureCollection features)
    {
        Time = time;
        Telemetry = telemetry;
        Http = new DefaultHttpContext(features);
    }

    /// <summary>The context of this exchange; its connection uses it again for the next.</summary>
    internal DefaultHttpContext Http { get; }

    internal TimeProvider Time { get; }

    internal ServerTelemetry Telemetry { get; }

    internal RequestTarget Target { get; set; }

    internal RouteCaptures Captures { get; set; }

    internal ForwardRules Rules { get; set; } = null!;

    /// <summary>The encoded path that the endpoint sees; shaping filters change it.</summary>
    internal ReadOnlyMemory<char> ForwardPath { get; set; }

    /// <summary>Timestamp at which the exchange must be over.</summary>
    internal long TotalDeadline { get; private set; } = long.MaxValue;

    internal TimeSpan TotalTimeout { get; private set; }

    /// <summary>The methods that a refused one could have been.</summary>
    internal string? Allow { get; set; }

    /// <summary>Path and query for the request line.</summary>
    internal string ForwardTarget => ForwardPath.Equals(Target.EncodedPath) ? Target.Forwarded : string.Concat(ForwardPath.Span, Target.Query.Span);

    /// <summary>The exchange that a context belongs to.</summary>
    public static Exchange Of(HttpContext context) => context.Features.GetRequiredFeature<Exchange>();

    internal long Timestamp() => Time.GetTimestamp();

    internal TimeSpan Elapsed(long since) => Time.GetElapsedTime(since);

    internal void SetTotalTimeout(TimeSpan total)
    {
        TotalTimeout = total;
        TotalDeadline = Started + (long)(total.TotalSeconds * Time.TimestampFrequency);
    }

    private void ResetGateway()
    {
        Target = default;
        Captures = default;
        ForwardPath = default;
        TotalDeadline = long.MaxValue;
        TotalTimeout = default;
        Allow = null;
    }
}
