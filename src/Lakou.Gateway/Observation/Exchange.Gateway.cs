using System.Net;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams.Balancing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Observation;

/// <summary>What routing, filters and forwarding hand on to each other.</summary>
public sealed partial class Exchange
{
    private ExchangeFeatures _features;
    private Forwarder.Run? _forwarding;
    private string? _rawTarget;
    private string _targetPath = "";
    private byte[] _clientText = [];

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

    /// <summary>Set by <see cref="ReadTarget"/>.</summary>
    internal RequestTarget Target { get; set; }

    /// <summary>Of the server below.</summary>
    internal ref readonly ExchangeFeatures Features => ref _features;

    /// <summary>The client's address as text, in ASCII; empty without one.</summary>
    internal ReadOnlySpan<byte> ClientText => _clientText;

    /// <summary>How this exchange is forwarded; made once for all of a connection.</summary>
    internal Forwarder.Run Forwarding => _forwarding ??= new Forwarder.Run(this);

    internal RouteCaptures Captures { get; set; }

    internal ForwardRules Rules { get; set; } = null!;

    /// <summary>The encoded path that the endpoint sees; shaping filters change it.</summary>
    internal ReadOnlyMemory<char> ForwardPath { get; set; }

    /// <summary>Timestamp at which the exchange must be over.</summary>
    internal long TotalDeadline { get; private set; } = long.MaxValue;

    internal TimeSpan TotalTimeout { get; private set; }

    /// <summary>Of the last endpoint picked.</summary>
    internal Stickiness Stickiness { get; set; }

    /// <summary>The methods that a refused one could have been.</summary>
    internal string? Allow { get; set; }

    /// <summary>What a 401 asks for (RFC 9110 §11.6.1).</summary>
    internal string? Challenge { get; set; }

    /// <summary>Path and query for the request line.</summary>
    internal string ForwardTarget => ForwardPath.Equals(Target.EncodedPath) ? Target.Forwarded : string.Concat(ForwardPath.Span, Target.Query.Span);

    /// <summary>Surer than <see cref="IHttpRequestLifetimeFeature.RequestAborted"/>, which is told a moment later.</summary>
    internal bool HasClientLeft => _features.Watch?.IsClientGone ?? _features.Lifetime.RequestAborted.IsCancellationRequested;

    /// <summary>The exchange that a context belongs to.</summary>
    public static Exchange Of(HttpContext context) => context.Features.GetRequiredFeature<Exchange>();

    internal long Timestamp() => Time.GetTimestamp();

    internal TimeSpan Elapsed(long since) => Time.GetElapsedTime(since);

    internal void SetTotalTimeout(TimeSpan total)
    {
        TotalTimeout = total;
        TotalDeadline = Started + (long)(total.TotalSeconds * Time.TimestampFrequency);
    }

    /// <summary>The client's own deadline, where it is the earlier one. It runs from here: what came before was its way to us.</summary>
    internal void LimitTotalTimeout(TimeSpan total)
    {
        var deadline = Timestamp() + (long)(total.TotalSeconds * Time.TimestampFrequency);
        if (deadline < TotalDeadline)
        {
            (TotalTimeout, TotalDeadline) = (total, deadline);
        }
    }

    /// <summary>Has <see cref="Features"/> agree with what they are now.</summary>
    internal void FindFeatures() => _features.Find(Http.Features);

    /// <summary>Gives the target of the request one meaning. A connection that asks for the same again has the same string, and is not read again.</summary>
    internal Fault? ReadTarget(string raw, TargetRules rules)
    {
        if (!ReferenceEquals(raw, _rawTarget))
        {
            _rawTarget = null;
            if (!RequestTarget.TryParse(raw, rules, out var target, out var fault))
            {
                return fault;
            }

            (_rawTarget, Target, _targetPath) = (raw, target, target.Path.ToString());
        }

        ForwardPath = Target.EncodedPath;
        Path = _targetPath;
        return null;
    }

    internal void SetClient(IPAddress? address)
    {
        if (!ReferenceEquals(address, ClientAddress) || _clientText.Length == 0)
        {
            ClientAddress = address;
            _clientText = Encoding.ASCII.GetBytes(address?.ToString() ?? "");
        }
    }

    private void ResetGateway()
    {
        Captures = default;
        ForwardPath = default;
        TotalDeadline = long.MaxValue;
        TotalTimeout = default;
        Allow = Challenge = null;
        Stickiness = default;
    }
}
