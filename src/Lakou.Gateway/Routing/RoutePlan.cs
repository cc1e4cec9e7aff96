using Lakou.Gateway.Actions;
using Lakou.Gateway.Actions.Backbone;
using Lakou.Gateway.Actions.Compose;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Filters;

namespace Lakou.Gateway.Routing;

internal sealed record FilterPlan(FilterDescriptor Descriptor, object Options);

/// <summary>A route, checked and immutable; its filters are in running order.</summary>
internal sealed record RoutePlan(
    string Name,
    RouteMatch Match,
    RoutePattern Pattern,
    IReadOnlyList<FilterPlan> Filters,
    IReadOnlyList<TargetOptions> To,
    RespondOptions? Respond,
    RedirectOptions? Redirect,
    ComposePlan? Compose,
    EnqueueOptions? Enqueue,
    BackboneOptions? Backbone,
    string Fingerprint)
{
    /// <summary>Names of those that it sends requests to; one may come twice.</summary>
    public IEnumerable<string> Upstreams => To.Select(to => to.Upstream).Concat(Compose?.Parts.Select(part => part.Upstream) ?? []);
}
