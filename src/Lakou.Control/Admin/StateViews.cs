using Lakou.Gateway;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Discovery;

namespace Lakou.Control.Admin;

/// <summary>What is live, at the moment of asking.</summary>
internal static class StateViews
{
    public static RoutesView Routes(GatewayPlan plan) => new([.. plan.Routes.Values.Select(RouteOf)]);

    public static UpstreamsView Upstreams(GatewayState gateway)
        => new([.. gateway.Upstreams.Values.OrderBy(upstream => upstream.Name, StringComparer.Ordinal).Select(UpstreamOf)]);

    public static ListenersView Listeners(GatewayState gateway)
        => new([.. gateway.Listeners.Values.OrderBy(listener => listener.Plan.Name, StringComparer.Ordinal).Select(ListenerOf)]);

    private static RouteView RouteOf(RoutePlan route) => new(
        route.Name,
        new(route.Match.Host, route.Match.Path, route.Match.Methods, [.. route.Match.Headers.Keys], [.. route.Match.Query.Keys], route.Match.Priority),
        [.. route.Filters.Select(filter => new ExplainedFilter(filter.Descriptor.Name, filter.Descriptor.Phase.ToString().ToLowerInvariant()))],
        route.Respond is not null ? "respond" : route.Redirect is not null ? "redirect" : route.Compose is not null ? "compose" : route.Enqueue is not null ? "enqueue" : route.Backbone is not null ? "backbone" : "forward",
        [.. route.To.Select(to => new TargetView(to.Upstream, to.Weight)), .. route.Compose?.Parts.Select(part => new TargetView(part.Upstream, 1)).Distinct() ?? []],
        route.Enqueue?.Topic);

    private static UpstreamView UpstreamOf(UpstreamState upstream)
    {
        var plan = upstream.Plan;
        return new(
            upstream.Name,
            plan.Balance.Options.ToString(),
            plan.Balance.Sticky?.Options.Cookie,
            upstream.Health.IsPanic,
            upstream.Admission is { IsLimited: true } admission ? new(admission.Places, admission.Taken, admission.Waiting) : null,
            upstream.Discovery is { } discovery ? DiscoveryOf(discovery) : null,
            [.. upstream.Endpoints.Select(endpoint => EndpointOf(upstream, endpoint))]);
    }

    private static DiscoveryView DiscoveryOf(UpstreamDiscovery discovery)
    {
        var (state, since, lastList, lastError) = discovery.Status;
        return new(discovery.Plan.Kind, discovery.Plan.Of, state, since, lastList, lastError);
    }

    public static EndpointView EndpointOf(UpstreamState upstream, EndpointState endpoint)
    {
        var (state, reason, since) = endpoint.Health.Status;
        var planned = upstream.Plan.Endpoints.FirstOrDefault(planned => planned.Address.Text == endpoint.Address.Text);
        var byHand = endpoint.Health.WeightByHand;
        return new(
            endpoint.Address.Text,
            byHand ?? planned?.Weight ?? 0,
            byHand is not null,
            planned?.Tier ?? 0,
            state.ToString().ToLowerInvariant(),
            reason,
            since,
            endpoint.InFlight,
            endpoint.OpenConnections,
            endpoint.IdleConnections);
    }

    private static ListenerView ListenerOf(IListener listener)
    {
        var protocols = listener.Plan.Protocols;
        string[] names = !listener.Plan.IsHttp
            ? [listener.Plan.Scheme]
            : [.. Enum.GetValues<Protocols>().Where(one => protocols.HasFlag(one)).Select(one => one.ToString().ToLowerInvariant())];
        return new(listener.Plan.Name, listener.Plan.Address.Text, listener.LocalEndPoint.ToString() ?? "", listener.Plan.Tls is not null, names, listener.Connections);
    }
}
