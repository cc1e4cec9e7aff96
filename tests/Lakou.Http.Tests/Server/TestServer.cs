using System.Collections.Concurrent;
using System.Net;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Tests.Server;

/// <summary>Our HTTP/1.1 on a free port, with a plain ASP.NET Core delegate as its application.</summary>
internal sealed class TestServer : IHttp1Application<HttpContext>, IAsyncDisposable
{
    private readonly RequestDelegate _application;
    private readonly LakouTransport _transport;
    private readonly IConnectionListener _listener;
    private readonly Sweeper _sweeper;
    private readonly Http1Options _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<ConnectionContext, Task> _connections = new();
    private readonly Task _accepting;

    private TestServer(RequestDelegate application, LakouTransport transport, IConnectionListener listener, Func<Http1Options, Http1Options> configure, TimeProvider time)
    {
        _transport = transport;
        _application = application;
        _listener = listener;
        _sweeper = new Sweeper(time, TimeSpan.FromMilliseconds(500));
        _options = configure(new Http1Options { Sweeper = _sweeper });
        _accepting = AcceptAsync();
    }

    public EndPoint Address => _listener.EndPoint;

    /// <summary>Requests that were refused before they became one.</summary>
    public ConcurrentQueue<Fault> Refused { get; } = new();

    /// <summary>How each request ended: null or the failure.</summary>
    public ConcurrentQueue<Exception?> Ended { get; } = new();

    public int Connections => _connections.Count;

    /// <summary>Blocks of the transport's pool that somebody still has.</summary>
    public int BlocksOut => _transport.OutstandingBlocks;

    public static async Task<TestServer> StartAsync(RequestDelegate application, Func<Http1Options, Http1Options>? configure = null, TimeProvider? time = null)
    {
        var transport = LakouTransport.Start(new TransportOptions { Time = time ?? TimeProvider.System });
        return new(application, transport, await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0)), configure ?? (options => options), time ?? TimeProvider.System);
    }

    /// <summary>Answers each request with its method, target and body.</summary>
    public static async Task EchoAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var head = System.Text.Encoding.Latin1.GetBytes($"{context.Request.Method} {context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget} ");
        context.Response.ContentLength = head.Length + body.Length;
        await context.Response.Body.WriteAsync(head);
        await context.Response.Body.WriteAsync(body.ToArray());
    }

    public Task<Peer> ConnectAsync() => Peer.ConnectAsync(Address);

    /// <summary>Tells all connections that the listener stops.</summary>
    public void RequestClose() => _stopping.Cancel();

    /// <summary>Waits until no connection is left.</summary>
    public async Task DrainedAsync()
    {
        foreach (var connection in _connections.Values)
        {
            await connection.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public Task ProcessRequestAsync(HttpContext context) => _application(context);

    public void DisposeContext(HttpContext context, Exception? exception) => Ended.Enqueue(exception);

    public void OnRefused(ConnectionContext connection, RequestHead head, Fault fault) => Refused.Enqueue(fault);

    public async ValueTask DisposeAsync()
    {
        await _listener.UnbindAsync();
        await _accepting;
        foreach (var (connection, running) in _connections)
        {
            connection.Abort();
            await running.WaitAsync(TimeSpan.FromSeconds(30));
        }

        await _transport.DisposeAsync();
        _sweeper.Dispose();
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (await _listener.AcceptAsync() is { } connection)
        {
            connection.Features.Set<IConnectionLifetimeNotificationFeature>(new Closing(_stopping.Token));
            var done = new TaskCompletionSource();
            _connections[connection] = done.Task;
            _ = ServeAsync(connection, done);
        }
    }

    private async Task ServeAsync(ConnectionContext connection, TaskCompletionSource done)
    {
        try
        {
            await Task.Yield();
            await new Http1Connection<HttpContext>(connection, this, _options).RunAsync();
            await connection.DisposeAsync();
            _connections.TryRemove(connection, out _);
            done.SetResult();
        }
        catch (Exception e)
        {
            done.SetException(e); // the connection stays in the list, and fails the test that disposes the server
        }
    }

    private sealed class Closing(CancellationToken requested) : IConnectionLifetimeNotificationFeature
    {
        public CancellationToken ConnectionClosedRequested { get; set; } = requested;

        public void RequestClose()
        {
        }
    }
}
