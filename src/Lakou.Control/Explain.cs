using System.Net;
using Lakou.Gateway;
using Lakou.Gateway.Actions.Compose;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control;

/// <summary>Where a request would go, from a plan alone: nothing is sent.</summary>
internal static class Explain
{
    /// <param name="plan">Checked.</param>
    /// <param name="method">Upper case.</param>
    /// <param name="url"><c>http://host:port/path?query</c>, or only a path.</param>
    /// <param name="headers">Of the request; Host overrides that of the URL.</param>
    /// <exception cref="ArgumentException">The URL is neither.</exception>
    public static Explanation Request(GatewayPlan plan, string method, string url, IHeaderDictionary headers)
    {
        // 1. What the URL says, without the normalisation that Uri would do: the listener does its own.
        var (scheme, authority, target) = Split(url);
        var host = headers.Host.Count > 0 ? headers.Host.ToString() : authority;

        // 2. The listeners that would take it.
        var listeners = ListenersOf(plan, scheme, authority);
        var rules = (listeners.Count > 0 ? listeners[0] : plan.Listeners.Values.FirstOrDefault())?.Targets ?? TargetRules.Default;
        string[] names = [.. listeners.Select(listener => $"{listener.Name} ({listener.Address.Text})")];
        if (!RequestTarget.TryParse(target, rules, out var parsed, out var fault))
        {
            return new(method, url, names, null, $"refused: {fault}", [], [], null, null, []);
        }

        // 3. The route.
        var explained = plan.Router.Explain(host, parsed.Path.ToString(), method, headers, parsed.Query.ToString());
        string[] others = [.. explained.Others.Select(miss => $"{miss.Route}: {miss.Reason}")];
        if (explained.Route is null)
        {
            return new(method, url, names, null, explained.Reason, others, [], null, null, []);
        }

        // 4. What it does.
        var route = plan.Routes[explained.Route];
        var matched = plan.Router.Match(host, parsed.Path, method, headers, parsed.Query.Span);
        return new(
            method,
            url,
            names,
            route.Name,
            explained.Reason,
            others,
            [.. route.Filters.Select(filter => new ExplainedFilter(filter.Descriptor.Name, filter.Descriptor.Phase.ToString().ToLowerInvariant()))],
            ActionOf(route),
            route.To.Count == 0 ? null : ForwardedTarget(route, method, host, parsed, matched.Captures),
            [.. route.To.Select(to => (to.Upstream, to.Weight)).Concat(route.Compose?.Parts.Select(part => (part.Upstream, Weight: 1)).Distinct() ?? [])
                .Where(to => plan.Upstreams.ContainsKey(to.Upstream)).Select(to => UpstreamOf(plan.Upstreams[to.Upstream], to.Weight))])
        {
            Parts = [.. route.Compose?.Parts.Select(part => $"{part.Name}{(part.IsOptional ? " (optional)" : "")}: {PartTarget.Fill(part, matched.Captures, host, parsed)} of {part.Upstream}") ?? []],
        };
    }

    private static (string? Scheme, string Authority, string Target) Split(string url)
    {
        if (url.StartsWith('/'))
        {
            return (null, "", url);
        }

        var slashes = url.IndexOf("://", StringComparison.Ordinal);
        var scheme = slashes < 0 ? "" : url[..slashes].ToLowerInvariant();
        if (scheme is not ("http" or "https"))
        {
            throw new ArgumentException($"'{url}' is no address; use http://host:port/path, or a path such as /orders", nameof(url));
        }

        var rest = url[(slashes + 3)..];
        rest = rest.IndexOf('#', StringComparison.Ordinal) is >= 0 and var hash ? rest[..hash] : rest;
        var end = rest.AsSpan().IndexOfAny('/', '?');
        var target = end < 0 ? "/" : rest[end] == '?' ? "/" + rest[end..] : rest[end..];
        return (scheme, end < 0 ? rest : rest[..end], target);
    }

    private static List<ListenerPlan> ListenersOf(GatewayPlan plan, string? scheme, string authority)
    {
        var colon = authority.LastIndexOf(':');
        var port = colon > authority.LastIndexOf(']') && ushort.TryParse(authority.AsSpan(colon + 1), out var written) ? written
            : scheme == "https" ? 443 : 80;
        return [.. plan.Listeners.Values.Where(listener => listener.IsHttp && (scheme is null
            || ((listener.Tls is not null) == (scheme == "https") && (listener.Address.EndPoint is not IPEndPoint ip || ip.Port == port || ip.Port == 0))))];
    }

    private static ExplainedUpstream UpstreamOf(UpstreamPlan upstream, int weight) => new(
        upstream.Name,
        weight,
        upstream.Balance.ToString(),
        upstream.Discovery is { } discovery ? [discovery.ToString()] : [.. upstream.Endpoints.Select(endpoint => endpoint.Address.Text)]);

    private static string ActionOf(RoutePlan route)
        => route.Respond is { } respond ? $"respond {respond.Status}"
            : route.Redirect is { } redirect ? $"redirect {redirect.Status} to {redirect.To}"
            : route.Compose is not null ? "compose"
            : route.Enqueue is { } enqueue ? $"enqueue {enqueue.Topic}"
            : route.Backbone is not null ? "backbone"
            : "forward";

    /// <summary>Runs the filters that shape a request, and no others, over one that goes nowhere.</summary>
    private static string ForwardedTarget(RoutePlan route, string method, string host, in RequestTarget target, in RouteCaptures captures)
    {
        using var telemetry = new ServerTelemetry(TimeProvider.System, LakouHost.Version);
        var features = new DefaultHttpContext().Features;
        var exchange = new Exchange(TimeProvider.System, telemetry, features) { Target = target, Captures = captures, ForwardPath = target.EncodedPath };
        features.Set(exchange);
        exchange.Context = exchange.Http;
        exchange.Http.Request.Method = method;
        exchange.Http.Request.Host = new HostString(host);
        RequestDelegate chain = static _ => Task.CompletedTask;
        foreach (var filter in route.Filters.Where(filter => filter.Descriptor.Phase == FilterPhase.Shaping).Reverse())
        {
            chain = filter.Descriptor.Create(filter.Options, new FilterContext(route.Name, route.Pattern, TimeProvider.System), chain);
        }

        // Shaping filters do their part before they pass the request on; nothing here waits.
        _ = chain(exchange.Http);
        return exchange.ForwardTarget;
    }
}
