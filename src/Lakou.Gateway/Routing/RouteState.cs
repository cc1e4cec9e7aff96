using Lakou.Gateway.Actions;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>A route, live: its plan compiled to one chain of just the filters that it uses, and their state.</summary>
internal sealed class RouteState
{
    public RouteState(RoutePlan plan, Func<string, UpstreamState> upstream, RouteMetrics metrics, TimeProvider time)
    {
        Plan = plan;
        Metrics = metrics;
        var context = new FilterContext(plan.Name, plan.Pattern, time);
        var chain = Action(plan, upstream);
        for (var i = plan.Filters.Count - 1; i >= 0; i--)
        {
            chain = plan.Filters[i].Descriptor.Create(plan.Filters[i].Options, context, chain);
        }

        Chain = chain;
    }

    public RoutePlan Plan { get; }

    public RouteMetrics Metrics { get; }

    public RequestDelegate Chain { get; }

    private static RequestDelegate Action(RoutePlan plan, Func<string, UpstreamState> upstream)
    {
        if (plan.Respond is { } respond)
        {
            return new RespondAction(respond).InvokeAsync;
        }

        if (plan.Redirect is { } redirect)
        {
            var template = PathTemplate.Parse(redirect.To, plan.Pattern, "", new Core.Configuration.Problems());
            return new RedirectAction(template, redirect.Status).InvokeAsync;
        }

        return new ForwardAction([.. plan.To.Select(target => (upstream(target.Upstream), target.Weight))]).InvokeAsync;
    }
}
