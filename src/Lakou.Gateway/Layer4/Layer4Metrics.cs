using Lakou.Core.Metrics;
using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Layer4;

/// <summary>The families of layer 4; connections and sessions themselves are those of every listener.</summary>
internal sealed class Layer4Families(MetricRegistry registry)
{
    public MetricFamily<Counter> Bytes { get; } =
        registry.CounterFamily("lakou_relayed_bytes_total", "Bytes passed on by a tcp or udp listener; in: from clients, out: to them", ["listener", "direction"], MetricRegistry.DefaultMaxChildren * 2);

    public MetricFamily<Counter> Dropped { get; } =
        registry.CounterFamily("lakou_datagrams_dropped_total", "Datagrams that a udp listener did not pass on", ["listener", "reason"]);
}

/// <summary>Why a datagram was not passed on.</summary>
internal enum DropReason
{
    /// <summary>The listener has as many sessions as it may.</summary>
    Sessions,
    NoEndpoint,

    /// <summary>The endpoint's name is being resolved, and another datagram waits for it already.</summary>
    Opening,

    /// <summary>The kernel did not take it.</summary>
    Unsent,
    TooLarge,
}

/// <summary>The children of one listener of layer 4.</summary>
internal sealed class Layer4Metrics(Layer4Families families, ListenerMetrics connections, string name)
{
    private static readonly string[] s_dropReasons = ["sessions", "no-endpoint", "opening", "unsent", "too-large"]; // as in DropReason

    private readonly Counter?[] _dropped = new Counter?[s_dropReasons.Length];
    private volatile bool _removed;

    public ListenerMetrics Connections { get; } = connections;

    public Counter In { get; } = families.Bytes.With(name, "in");

    public Counter Out { get; } = families.Bytes.With(name, "out");

    public void Drop(DropReason reason)
    {
        // See RouteMetrics: a series that was removed must not come back.
        if (!_removed)
        {
            (_dropped[(int)reason] ??= families.Dropped.With(name, s_dropReasons[(int)reason])).Increment();
        }
    }

    public void Remove()
    {
        _removed = true;
        families.Bytes.Remove(name, "in");
        families.Bytes.Remove(name, "out");
        foreach (var reason in s_dropReasons)
        {
            families.Dropped.Remove(name, reason);
        }
    }
}
