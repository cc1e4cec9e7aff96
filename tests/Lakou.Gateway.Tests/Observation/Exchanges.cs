using System.Net;
using Lakou.Core.Faults;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Tests.Observation;

internal static class Exchanges
{
    public static readonly FaultCode ConnectTimeout = new("upstream/connect-timeout", FaultParty.Upstream, 504, "The upstream did not answer the call.", RetryAdvice.Now);

    public static readonly ServerTelemetry Telemetry = new(TimeProvider.System, "test");

    public static Exchange Empty() => new(TimeProvider.System, Telemetry, new FeatureCollection());

    public static Exchange With(Action<Exchange> set)
    {
        var exchange = Empty();
        set(exchange);
        return exchange;
    }

    /// <summary>A finished exchange with every field set.</summary>
    public static Exchange Full() => new(TimeProvider.System, Telemetry, new FeatureCollection())
    {
        Context = Context("api.example.org:8080", "curl/8.14.1"),
        Listener = "web",
        Route = "orders",
        RouteTemplate = "/orders/**",
        Upstream = "orders",
        Endpoint = "127.0.0.1:5001",
        Fault = ConnectTimeout.With("no answer within 2 s"),
        RequestId = "01JD5",
        Trace = TraceContext.Continue("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", default),
        Head = TimeSpan.FromMicroseconds(42),
        Queue = TimeSpan.FromMilliseconds(1),
        Connect = TimeSpan.FromMilliseconds(2000.5),
        FirstByte = TimeSpan.Zero,
        Total = TimeSpan.FromMilliseconds(2002),
        BytesIn = 17,
        BytesOut = 122,
        Attempts = 2,
        Status = 504,
        Method = "POST",
        Path = "/orders/7",
        Protocol = "HTTP/1.1",
        ClientAddress = IPAddress.Parse("192.0.2.7"),
    };

    public static HttpContext Context(string host, string userAgent)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.Host = host;
        context.Request.Headers.UserAgent = userAgent;
        context.Request.QueryString = new QueryString("?token=secret");
        return context;
    }
}
