using Lakou.Core.Metrics;
using Lakou.Transport;

namespace Lakou.Control;

/// <summary>What an operator wants to know of the transport.</summary>
internal static class TransportMetrics
{
    public static void AddTo(MetricRegistry registry, LakouTransport transport)
    {
        var (info, loops, stalls) = Describe(registry);
        info.With(TransportShape.NameOf(transport.Kind)).Set(1);
        loops.Set(transport.Loops);
        stalls.Follow(() => transport.Stalls);
    }

    /// <summary>The families, with nothing in them yet.</summary>
    public static (MetricFamily<Gauge> Info, Gauge Loops, Counter Stalls) Describe(MetricRegistry registry) => (
        registry.GaugeFamily("lakou_transport_info", "Always 1; what moves the bytes of connections is a label: io_uring or sockets", ["kind"]),
        registry.Gauge("lakou_transport_loops", "Event loops"),
        registry.Counter("lakou_transport_stalls_total", "Times that an event loop was held up for a tenth of a second by something that blocks"));
}
