using System.Collections.Frozen;
using System.Globalization;

namespace Lakou.Gateway.Observation;

/// <summary>Names and values of the OpenTelemetry semantic conventions for HTTP.</summary>
internal static class HttpAttributes
{
    public const string Method = "http.request.method";
    public const string OriginalMethod = "http.request.method_original";
    public const string Resend = "http.request.resend_count";
    public const string Route = "http.route";
    public const string Status = "http.response.status_code";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
    public const string ClientAddress = "client.address";
    public const string Scheme = "url.scheme";
    public const string Path = "url.path";
    public const string Url = "url.full";
    public const string ProtocolVersion = "network.protocol.version";
    public const string UserAgent = "user_agent.original";
    public const string ErrorType = "error.type";

    private const string OtherMethod = "_OTHER";

    // RFC 9110 §9.3 and RFC 5789: the set that the conventions name. Anything else would let a client make labels.
    private static readonly FrozenSet<string> s_methods =
        FrozenSet.Create(StringComparer.Ordinal, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH");

    private static readonly object[] s_statuses = [.. Enumerable.Range(0, 600).Select(status => (object)status)];
    private static readonly string[] s_statusTexts = [.. Enumerable.Range(0, 600).Select(status => status.ToString(CultureInfo.InvariantCulture))];

    public static string KnownMethod(string method) => s_methods.Contains(method) ? method : OtherMethod;

    /// <summary>The method in the name of a span, which stays of few kinds.</summary>
    public static string SpanMethod(string method) => s_methods.Contains(method) ? method : "HTTP";

    /// <summary><c>1.1</c> of <c>HTTP/1.1</c>.</summary>
    public static string Version(string protocol) => protocol switch
    {
        "HTTP/1.1" => "1.1",
        "HTTP/2" or "HTTP/2.0" => "2",
        "HTTP/1.0" => "1.0",
        "HTTP/3" or "HTTP/3.0" => "3",
        _ => "",
    };

    /// <summary>The template of the route; its name when it has none (a route that matches by host alone).</summary>
    public static string? RouteOf(Exchange exchange) => exchange.RouteTemplate ?? exchange.Route;

    /// <summary>For a server 4xx is no error: the client made it.</summary>
    public static string? ErrorOf(Exchange exchange) =>
        exchange.Status is >= 500 or 0 ? exchange.Fault?.Code.Name ?? StatusText(exchange.Status) : null;

    public static string StatusText(int status) => status is > 0 and < 600 ? s_statusTexts[status] : OtherMethod;

    /// <summary>Tags are objects: statuses are boxed once.</summary>
    public static object Boxed(int value) => (uint)value < (uint)s_statuses.Length ? s_statuses[value] : value;
}
