using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Sockets;

internal sealed partial class SocketConnection :
    IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IMemoryPoolFeature, IConnectionLifetimeFeature,
    IConnectionEndPointFeature, IConnectionSocketFeature, IHalfCloseFeature, IReceiveTimestampFeature, ILoopFeature
{
    // Ids of successive processes should not repeat in logs: the count starts anywhere.
    private static long lastId = Random.Shared.NextInt64();

    private string? _id;
    private IDictionary<object, object?>? _items;

    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref lastId).ToString("X16");
        set => _id = value;
    }

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    public MemoryPool<byte> MemoryPool => _shared.Pool;

    public Socket Socket => _socket;

    public int Loop => 0;

    public PipeScheduler Scheduler => PipeScheduler.Inline; // any thread of the pool will do

    public bool KeepOpenOnPeerFin
    {
        get => Volatile.Read(ref _keepOpenOnPeerFin) != 0;
        set
        {
            Interlocked.Exchange(ref _keepOpenOnPeerFin, value ? 1 : 0);
            if (!value && Volatile.Read(ref _receiveEnded) != 0)
            {
                FireClosed();
            }
        }
    }

    public long FirstReceiveTimestamp => Volatile.Read(ref _firstReceived);

    void IReceiveTimestampFeature.Reset() => Volatile.Write(ref _firstReceived, 0);

    private FeatureCollection CreateFeatures()
    {
        var features = new FeatureCollection(initialCapacity: 11); // ours, and one more; TLS and Kestrel have it grow
        features.Set<IConnectionIdFeature>(this);
        features.Set<IConnectionTransportFeature>(this);
        features.Set<IConnectionItemsFeature>(this);
        features.Set<IMemoryPoolFeature>(this);
        features.Set<IConnectionLifetimeFeature>(this);
        features.Set<IConnectionEndPointFeature>(this);
        features.Set<IConnectionSocketFeature>(this);
        features.Set<IHalfCloseFeature>(this);
        features.Set<IReceiveTimestampFeature>(this);
        features.Set<ILoopFeature>(this);
        return features;
    }
}
