using Lakou.Gateway.Actions;
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
    string Fingerprint);
