using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A transport of streams as QUIC is one, in memory: HTTP/3 without the library. What it cannot show is QUIC and its TLS.</summary>
internal sealed class FakeQuic : IMultiplexedConnectionListenerFactory
{
    private static readonly IPEndPoint s_client = IPEndPoint.Parse("192.0.2.7:4000");

    private Port? _port;

    /// <summary>Where it was bound.</summary>
    public List<EndPoint> Bound { get; } = [];

    public bool IsBound => _port is { IsOpen: true };

    public ValueTask<IMultiplexedConnectionListener> BindAsync(EndPoint endpoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default)
    {
        Assert.False(IsBound, "A port is bound once.");
        Bound.Add(endpoint);
        _port = new Port(endpoint);
        return new(_port);
    }

    public Connection Connect()
    {
        var connection = new Connection();
        Assert.True(_port!.Give(connection));
        return connection;
    }

    private sealed class Port(EndPoint endpoint) : IMultiplexedConnectionListener
    {
        private readonly Channel<MultiplexedConnectionContext> _connections = Channel.CreateBounded<MultiplexedConnectionContext>(10);

        public EndPoint EndPoint => endpoint;

        public bool IsOpen { get; private set; } = true;

        public bool Give(Connection connection) => _connections.Writer.TryWrite(connection);

        public async ValueTask<MultiplexedConnectionContext?> AcceptAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default)
            => await _connections.Reader.WaitToReadAsync(cancellationToken) && _connections.Reader.TryRead(out var connection) ? connection : null;

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            IsOpen = false;
            _connections.Writer.TryComplete();
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }

    /// <summary>A client's connection: it opens streams, and reads what the server sends on them.</summary>
    internal sealed class Connection : MultiplexedConnectionContext, IProtocolErrorCodeFeature
    {
        private readonly Channel<ConnectionContext> _opened = Channel.CreateBounded<ConnectionContext>(10);
        private readonly CancellationTokenSource _closed = new();
        private int _next;

        public Connection()
        {
            Features.Set<IProtocolErrorCodeFeature>(this);
            ConnectionClosed = _closed.Token;
            RemoteEndPoint = s_client;
        }

        public override string ConnectionId { get; set; } = Guid.NewGuid().ToString("N");

        public override IFeatureCollection Features { get; } = new FeatureCollection();

        public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

        public long Error { get; set; }

        public bool IsClosed => _closed.IsCancellationRequested;

        /// <summary>A stream that the client opens, with its first bytes; the client's side of it.</summary>
        public async Task<IDuplexPipe> OpenAsync(byte[] first, bool bothWays)
        {
            var stream = new Stream(Interlocked.Add(ref _next, 4), canRead: true, canWrite: bothWays);
            await stream.Client.Output.WriteAsync(first);
            if (bothWays)
            {
                await stream.Client.Output.CompleteAsync();
            }

            await _opened.Writer.WriteAsync(stream);
            return stream.Client;
        }

        public void Close()
        {
            _opened.Writer.TryComplete();
            _closed.Cancel();
        }

        public override async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
            try
            {
                return await _opened.Reader.ReadAsync(both.Token);
            }
            catch (OperationCanceledException) when (!IsClosed)
            {
                return null;
            }
            catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
            {
                throw new ConnectionResetException("The client has left.", e);
            }
        }

        public override ValueTask<ConnectionContext> ConnectAsync(IFeatureCollection? features = null, CancellationToken cancellationToken = default)
            => new(new Stream(Interlocked.Add(ref _next, 4) + 3, canRead: false, canWrite: true));

        public override void Abort() => Close();

        public override void Abort(ConnectionAbortedException abortReason) => Close();

        public override ValueTask DisposeAsync()
        {
            Close();
            return base.DisposeAsync();
        }
    }

    private sealed class Stream : ConnectionContext, IStreamDirectionFeature, IStreamIdFeature, IProtocolErrorCodeFeature, IStreamAbortFeature,
        IStreamClosedFeature, IPersistentStateFeature, IDuplexPipe
    {
        private readonly Pipe _in = new();
        private readonly Pipe _out = new();

        public Stream(long id, bool canRead, bool canWrite)
        {
            (StreamId, CanRead, CanWrite) = (id, canRead, canWrite);
            Client = new Side(_out.Reader, _in.Writer);
            Transport = this;
            RemoteEndPoint = s_client;
            Features.Set<IStreamDirectionFeature>(this);
            Features.Set<IStreamIdFeature>(this);
            Features.Set<IProtocolErrorCodeFeature>(this);
            Features.Set<IStreamAbortFeature>(this);
            Features.Set<IStreamClosedFeature>(this);
            Features.Set<IPersistentStateFeature>(this);
            Features.Set<ITlsConnectionFeature>(new TlsConnectionFeature());
        }

        public IDuplexPipe Client { get; }

        public override string ConnectionId { get; set; } = "";

        public override IFeatureCollection Features { get; } = new FeatureCollection();

        public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

        public override IDuplexPipe Transport { get; set; }

        public PipeReader Input => _in.Reader;

        public PipeWriter Output => _out.Writer;

        public bool CanRead { get; }

        public bool CanWrite { get; }

        public long StreamId { get; }

        public IDictionary<object, object?> State { get; } = new Dictionary<object, object?>();

        public long Error { get; set; }

        /// <summary>Never told: a stream here ends with its connection.</summary>
        public void OnClosed(Action<object?> callback, object? state)
        {
        }

        public void AbortRead(long errorCode, ConnectionAbortedException abortReason) => _in.Writer.Complete(abortReason);

        public void AbortWrite(long errorCode, ConnectionAbortedException abortReason) => _out.Writer.Complete(abortReason);

        public override void Abort(ConnectionAbortedException abortReason)
        {
            _in.Writer.Complete(abortReason);
            _out.Writer.Complete(abortReason);
        }

        private sealed record Side(PipeReader Input, PipeWriter Output) : IDuplexPipe;
    }
}
