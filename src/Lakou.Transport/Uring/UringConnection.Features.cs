using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Uring;

internal sealed partial class UringConnection :
    IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IMemoryPoolFeature, IConnectionLifetimeFeature,
    IConnectionEndPointFeature, IConnectionSocketFeature, IHalfCloseFeature, IReceiveTimestampFeature, ILoopFeature, IDuplexPipe
{
    // Ids of successive processes should not repeat in logs: the count starts anywhere.
    private static long lastId = Random.Shared.NextInt64();

    private string? _id;
    private IDictionary<object, object?>? _items;
    private Socket? _socket;

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

    public PipeReader Input => _reader;

    public PipeWriter Output => _writer;

    public MemoryPool<byte> MemoryPool => _transport.Pool;

    /// <summary>For options only: it must neither send nor receive. The connection closes it.</summary>
    /// <exception cref="ObjectDisposedException">The connection has closed.</exception>
    public Socket Socket => _socket ??= _descriptor is >= 0 and var descriptor
        ? new Socket(new SafeSocketHandle(descriptor, ownsHandle: false))
        : throw new ObjectDisposedException(nameof(ConnectionContext));

    public int Loop => _loop.Number;

    public PipeScheduler Scheduler => _loop;

    public bool KeepOpenOnPeerFin
    {
        get => Volatile.Read(ref _keepOpenOnPeerFin) != 0;
        set
        {
            Interlocked.Exchange(ref _keepOpenOnPeerFin, value ? 1 : 0);
            if (!value && _receiveEnded.IsSet)
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
