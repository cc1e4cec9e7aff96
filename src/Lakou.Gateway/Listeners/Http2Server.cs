using System.Net;
using System.Text;
using System.Threading.Channels;
using Lakou.Gateway.Tls;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Lakou.Gateway.Listeners;

/// <summary>Kestrel, for HTTP/2 alone: it accepts the connections that it is handed.</summary>
internal sealed class Http2Server : IAsyncDisposable
{
    private static readonly IServiceProvider NoServices = new ServiceCollection().AddLogging().BuildServiceProvider();

    private readonly KestrelServer _server;
    private readonly GatewayApplication _application;
    private readonly Handover _handover = new();

    public Http2Server(ListenerPlan plan, GatewayApplication application, ILoggerFactory loggers)
    {
        _application = application;
        var options = plan.Options;
        var kestrel = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = NoServices };
        kestrel.Limits.MaxConcurrentConnections = null; // the acceptor counts them, before TLS is paid for
        kestrel.Limits.MaxRequestBodySize = options.Limits.Body;
        kestrel.Limits.MaxRequestHeaderCount = options.Limits.Fields;
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.Head;
        kestrel.Limits.RequestHeadersTimeout = options.Timeouts.Head;
        kestrel.Limits.KeepAliveTimeout = options.Timeouts.Idle;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.Limits.Http2.MaxStreamsPerConnection = options.Limits.Streams;
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1; // field values keep their bytes
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.Listen(_handover.EndPoint, static listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.Use(static next => connection =>
            {
                // Kestrel has put its own here, by which it tells of its end and not of the listener's.
                connection.Features.Set(connection.Features.GetRequiredFeature<HandedConnection>().Closing);
                return next(connection);
            });
        });
        _server = new KestrelServer(Options.Create(kestrel), _handover, loggers);
    }

    public Task StartAsync() => _server.StartAsync(_application, CancellationToken.None);

    /// <summary>Serves a connection to its end; the caller disposes of it then.</summary>
    /// <param name="connection">Has <see cref="IConnectionLifetimeNotificationFeature"/>, by which it hears that it should end.</param>
    public Task ServeAsync(ConnectionContext connection)
    {
        var handed = new HandedConnection(connection);
        connection.Features.Set(handed);
        _handover.Give(handed);
        return handed.Ended;
    }

    /// <summary>Once no connection is left.</summary>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(CancellationToken.None);
        _server.Dispose();
    }

    private sealed class Handover : EndPoint, IConnectionListenerFactory, IConnectionListener
    {
        private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>(new() { SingleReader = true }); // bounded by the listener's limit

        public EndPoint EndPoint => this;

        public void Give(ConnectionContext connection) => _connections.Writer.TryWrite(connection);

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
            => await _connections.Reader.WaitToReadAsync(cancellationToken) && _connections.Reader.TryRead(out var connection) ? connection : null;

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _connections.Writer.TryComplete();
            return default;
        }

        public ValueTask DisposeAsync() => default;
    }

    /// <summary>A connection as Kestrel has it, which disposes of it and so tells that it has ended.</summary>
    private sealed class HandedConnection(ConnectionContext connection) : ConnectionLayer(connection)
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => _ended.Task;

        public IConnectionLifetimeNotificationFeature Closing { get; } = connection.Features.GetRequiredFeature<IConnectionLifetimeNotificationFeature>();

        public override ValueTask DisposeAsync()
        {
            _ended.TrySetResult();
            return base.DisposeAsync();
        }
    }
}
