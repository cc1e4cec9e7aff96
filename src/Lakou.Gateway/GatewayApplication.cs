using System.Buffers;
using System.Runtime.CompilerServices;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Tls;
using Lakou.Http;
using Lakou.Http.Server;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway;

/// <summary>Every request of one listener, from its head to its last log line. The steps are those of ARCHITECTURE.md, life of a request.</summary>
internal sealed class GatewayApplication(GatewayState gateway, ListenerPlan listener) : IHttp1Application<Exchange>
{
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private const string Http3 = "HTTP/3";

    private static readonly string[] ConnectionSpecific = ["Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"];

    // Control characters but the tab (RFC 9110 §5.5).
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Append(127).Select(code => (char)code).Where(c => c != '\t')]);

    /// <summary>Where clients find HTTP/3 (RFC 7838); null when there is none.</summary>
    public string? AltSvc { get; set; }

    public Exchange CreateContext(IFeatureCollection contextFeatures)
    {
        var container = contextFeatures as IHostContextContainer<Exchange>;
        var exchange = container?.HostContext;
        if (exchange is null)
        {
            exchange = new Exchange(gateway.Time, gateway.Telemetry, contextFeatures) { Listener = listener.Name, Rules = listener.Rules };
            if (container is not null)
            {
                container.HostContext = exchange;
            }
        }
        else if (contextFeatures is not Http1Connection<Exchange>)
        {
            exchange.Http.Initialize(contextFeatures); // ours stays the context's, which sees by its revision that a request is new
        }

        if (contextFeatures is not Http1Connection<Exchange>)
        {
            contextFeatures.Set(exchange);
        }

        exchange.FindFeatures();
        exchange.Context = exchange.Http;
        return exchange;
    }

    /// <summary>A stream of HTTP/2 or HTTP/3: the server begins it on the thread pool, and it goes on where its connection lives.</summary>
    public async Task ProcessRequestAsync(Exchange context)
    {
        await LoopSwitch.To(context.Http.Features.Get<ILoopFeature>());
        await ServeAsync(context);
        if (context.Protocol == Http3 && context.Http.Response.HasStarted && !context.HasClientLeft)
        {
            await context.Features.ResponseBody.Writer.FlushAsync(); // Kestrel drops what a stream of HTTP/3 has not flushed when it ends
        }
    }

    [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
    public async ValueTask ServeAsync(Exchange context)
    {
        var exchange = context;
        var http = exchange.Http;
        Begin(exchange, http);
        if (AltSvc is not null && exchange.Protocol != Http3)
        {
            exchange.Features.Response.Headers.AltSvc = AltSvc;
        }

        try
        {
            // 1. Is it well-formed? HTTP/1.1 heads were refused below; HTTP/2 heads are held to the same grammar here.
            // 2. One meaning for its target. 3. A route.
            if (CheckFields(exchange.Features.Request.Headers, exchange.Protocol) is { } fault || (fault = Route(exchange, http, out var route)) is not null)
            {
                gateway.Metrics.Unmatched.Begin(exchange);
                StartTelemetry(exchange, http);
                await FaultResponse.WriteAsync(http, exchange, fault);
                return;
            }

            // 4. Its filters and its action.
            route!.Metrics.Begin(exchange);
            StartTelemetry(exchange, http);
            ClientFields.Clean(exchange.Features.Request.Headers, listener.Rules, listener.Rules.Trusts(exchange.ClientAddress));
            if (listener.Options.Tls is { ForwardClientCert: true })
            {
                ClientCert.Write(http);
            }

            await route.ServeAsync(exchange);
        }
        catch (RequestBodyException e)
        {
            await FaultResponse.WriteAsync(http, exchange, e.Fault);
        }
        catch (BadHttpRequestException e)
        {
            // The same of a body over HTTP/2.
            await FaultResponse.WriteAsync(http, exchange, ServerFaults.OfBody(e.StatusCode, e.Message));
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException
            || (e is OperationCanceledException or IOException && exchange.HasClientLeft))
        {
            await FaultResponse.WriteAsync(http, exchange, Upstreams.UpstreamFaults.ClientGone.With("The client left before the answer was complete."));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            gateway.Log.LogError(e, "lakou/bug on route {Route}", exchange.Route);
            await FaultResponse.WriteAsync(http, exchange, GatewayFaults.Bug.With("The failure is in the log."));
        }
    }

    public void DisposeContext(Exchange context, Exception? exception)
    {
        var exchange = context;
        var http = exchange.Http;

        // 5. What happened, for the log, the metrics and the trace.
        var own = http.Features as Http1Connection<Exchange>;
        exchange.Status = exchange.Status != 0 ? exchange.Status : exchange.Features.Response.StatusCode;
        exchange.Total = exchange.Time.GetElapsedTime(exchange.Started, own?.ResponseEnded ?? exchange.Timestamp());
        gateway.Metrics.Finish(exchange);
        gateway.Telemetry.Finish(exchange);
        gateway.AccessLog?.Write(exchange);
        exchange.Reset();
        if (own is null)
        {
            http.Uninitialize();
        }
    }

    public void OnRefused(ConnectionContext connection, RequestHead head, Fault fault)
    {
        var exchange = new Exchange(gateway.Time, gateway.Telemetry, new FeatureCollection())
        {
            Listener = listener.Name,
            Fault = fault,
            Status = fault.Code.Status,
            Method = head.Method,
            Protocol = "HTTP/1.1",
            Started = gateway.Time.GetTimestamp(),
            ClientAddress = connection.RemoteEndPoint is System.Net.IPEndPoint { Address: var address }
                ? address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address
                : null,
        };
        gateway.Metrics.Unmatched.Begin(exchange);
        gateway.Metrics.Finish(exchange);
        gateway.AccessLog?.Write(exchange);
    }

    private void StartTelemetry(Exchange exchange, DefaultHttpContext http)
    {
        // Taking the host apart costs strings: only for those who listen.
        if (gateway.Telemetry.Enabled)
        {
            gateway.Telemetry.StartServer(exchange, http.Request.Host.Host, http.Request.Host.Port ?? 0);
        }
    }

    private static void Begin(Exchange exchange, DefaultHttpContext http)
    {
        if (http.Features is Http1Connection<Exchange> own)
        {
            exchange.Started = own.HeadStarted;
            exchange.Head = exchange.Time.GetElapsedTime(own.HeadStarted, own.HeadEnded);
            exchange.SetClient(own.RemoteIpAddress);
        }
        else
        {
            exchange.Started = exchange.Timestamp();
            exchange.SetClient(http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : http.Connection.RemoteIpAddress);
        }

        var request = exchange.Features.Request;
        exchange.Method = request.Method;
        exchange.Protocol = request.Protocol;
        exchange.Scheme = request.Scheme;
        exchange.Trace = TraceContext.Continue(request.Headers);
    }

    private static Fault? CheckFields(IHeaderDictionary fields, string protocol)
    {
        if (fields is FieldTable)
        {
            return null;
        }

        foreach (var (name, values) in fields)
        {
            if (name.AsSpan().ContainsAnyExcept(NameCharacters))
            {
                return HttpFaults.BadField.With("A header's name holds a character that no name may hold.");
            }

            foreach (var value in values)
            {
                if (value.AsSpan().ContainsAny(Controls))
                {
                    return HttpFaults.BadField.With($"The value of '{name}' holds a control character.");
                }
            }
        }

        // RFC 9113 §8.2.2, RFC 9114 §4.2: what belongs to a connection of HTTP/1.1. Kestrel looks at Connection and TE alone.
        foreach (var name in ConnectionSpecific)
        {
            if (fields.ContainsKey(name))
            {
                return HttpFaults.BadField.With($"'{name}' has no place in {protocol}.");
            }
        }

        return null;
    }

    private Fault? Route(Exchange exchange, DefaultHttpContext http, out RouteState? route)
    {
        route = null;
        var request = exchange.Features.Request;
        if (request.Method == "CONNECT")
        {
            if (!Http2Upgrade.TryAdapt(http))
            {
                return GatewayFaults.Unsupported.With("CONNECT asks for a forward proxy; this is a gateway.");
            }

            exchange.Method = request.Method;
        }

        if (exchange.ReadTarget(request.RawTarget, listener.Targets) is { } fault)
        {
            return fault;
        }

        var host = request.Headers is FieldTable fields ? fields.TextOf(KnownField.Host) : request.Headers.Host.ToString();
        var result = gateway.Router.Match(host, exchange.Target.Path, request.Method, request.Headers, exchange.Target.Query.Span);
        switch (result.Outcome)
        {
            case RouteOutcome.NotFound:
                return RoutingFaults.NotFound.With($"Nothing is configured for {request.Method} {exchange.Path}.");
            case RouteOutcome.MethodNotAllowed:
                exchange.Allow = string.Join(", ", result.Allow);
                return RoutingFaults.MethodNotAllowed.With($"{exchange.Path} takes {exchange.Allow}.");
        }

        route = result.Route!;
        exchange.Route = route.Plan.Name;
        exchange.RouteTemplate = route.Plan.Match.Path;
        exchange.Captures = result.Captures;
        return null;
    }
}
