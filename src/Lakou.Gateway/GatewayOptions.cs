using Lakou.Core.Configuration;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway;

/// <summary>The gateway's part of the file, as written.</summary>
internal sealed record GatewayOptions
{
    private static readonly IReadOnlyDictionary<string, object?> NoFilters = new Dictionary<string, object?>();

    public IReadOnlyDictionary<string, ListenerOptions> Listeners { get; init; } = new Dictionary<string, ListenerOptions>();

    public IReadOnlyDictionary<string, UpstreamOptions> Upstreams { get; init; } = new Dictionary<string, UpstreamOptions>();

    public IReadOnlyDictionary<string, object?> Filters { get; init; } = NoFilters;

    public IReadOnlyDictionary<string, RouteOptions> Routes { get; init; } = new Dictionary<string, RouteOptions>();

    /// <summary>Every file with a certificate or a key, as written.</summary>
    public IEnumerable<string> TlsFiles => Listeners.Values.SelectMany(listener => listener.Tls?.Certificates ?? [])
        .Concat(Upstreams.Values.Select(upstream => upstream.Tls?.Certificate).OfType<CertificateOptions>())
        .SelectMany(certificate => new[] { certificate.Cert, certificate.Key })
        .Concat(Listeners.Values.Select(listener => listener.Tls?.ClientCa ?? ""))
        .Concat(Upstreams.Values.Select(upstream => upstream.Tls?.Ca ?? ""))
        .Where(file => file.Length > 0);

    /// <summary>Every file with endpoints, as written.</summary>
    public IEnumerable<string> EndpointFiles => Upstreams.Values.Select(upstream => upstream.EndpointsFrom).OfType<string>();

    /// <summary>Adds the gateway's keys to the shape of the whole file.</summary>
    public static ObjectShape<T> AddTo<T>(ObjectShape<T> root, Func<T, GatewayOptions> get, Func<T, GatewayOptions, T> set)
        where T : notnull
        => root
            .Field("listeners", Shapes.Named(ListenerOptions.Shape), o => get(o).Listeners, (o, v) => set(o, get(o) with { Listeners = v }), "Addresses that accept connections, by name.")
            .Field("upstreams", Shapes.Named(UpstreamOptions.Shape), o => get(o).Upstreams, (o, v) => set(o, get(o) with { Upstreams = v }), "Sets of endpoints, by name.")
            .Field("filters", FilterCatalog.Shape, o => get(o).Filters, (o, v) => set(o, get(o) with { Filters = v }), "Policies of every route; a route's own entry with the same name replaces one.")
            .Field("routes", Shapes.Named(RouteOptions.Shape), o => get(o).Routes, (o, v) => set(o, get(o) with { Routes = v }), "Which requests go where, by name.");
}
