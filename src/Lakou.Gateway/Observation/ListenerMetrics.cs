using System.Collections.Concurrent;
using Lakou.Core.Metrics;

namespace Lakou.Gateway.Observation;

/// <summary>The families with a listener label.</summary>
internal sealed class ListenerFamilies(MetricRegistry registry)
{
    public MetricFamily<Level> Connections { get; } =
        registry.LevelFamily("lakou_connections", "Open client connections", ["listener"]);

    public MetricFamily<Counter> Accepted { get; } =
        registry.CounterFamily("lakou_connections_total", "Client connections accepted", ["listener"]);

    public MetricFamily<Counter> Refused { get; } =
        registry.CounterFamily("lakou_connections_refused_total", "Client connections closed before they could send a request", ["listener", "reason"]);
}

/// <summary>The children of one listener.</summary>
internal sealed class ListenerMetrics(ListenerFamilies families, string name)
{
    private readonly Level _open = families.Connections.With(name);
    private readonly Counter _accepted = families.Accepted.With(name);
    private readonly ConcurrentDictionary<string, Counter> _refused = new(StringComparer.Ordinal);

    /// <summary>A connection was accepted; <see cref="Close"/> ends it.</summary>
    public void Open()
    {
        _accepted.Increment();
        _open.Increment();
    }

    public void Close() => _open.Decrement();

    /// <param name="reason">One of a few constants: <c>limit</c>, <c>tls</c>; never text from outside.</param>
    public void Refuse(string reason) => _refused.GetOrAdd(reason, static (key, own) => own.families.Refused.With(own.name, key), (families, name)).Increment();

    public void Remove()
    {
        families.Connections.Remove(name);
        families.Accepted.Remove(name);
        foreach (string reason in _refused.Keys)
        {
            families.Refused.Remove(name, reason);
        }
    }
}
