using Lakou.Gateway.Actions;
using Lakou.Gateway.Actions.Backbone;
using Lakou.Gateway.Actions.Compose;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>A route, live: its plan compiled to one chain of just the filters that it uses, and their state.</summary>
internal sealed class RouteState
{
    private readonly ForwardAction? _forward;

    public RouteState(RoutePlan plan, Func<string, UpstreamState> upstream, EnqueueState enqueue, RouteMetrics metrics, TimeProvider time)
    {
        Plan = plan;
        Metrics = metrics;
        var context = new FilterContext(plan.Name, plan.Pattern, time);
        var chain = Action(plan, upstream, enqueue, out var forward);
        _forward = plan.Filters.Count == 0 ? forward : null;
        for (var i = plan.Filters.Count - 1; i >= 0; i--)
        {
            chain = plan.Filters[i].Descriptor.Create(plan.Filters[i].Options, context, chain);
        }

        Chain = chain;
    }

    public RoutePlan Plan { get; }

    public RouteMetrics Metrics { get; }

    public RequestDelegate Chain { get; }

    /// <summary>Runs the chain; a route that only forwards needs neither a chain nor its <see cref="Task"/>.</summary>
    public ValueTask ServeAsync(Exchange exchange) => _forward?.ForwardAsync(exchange) ?? new(Chain(exchange.Http));

    private static RequestDelegate Action(RoutePlan plan, Func<string, UpstreamState> upstream, EnqueueState enqueue, out ForwardAction? forward)
    {
        forward = null;
        if (plan.Respond is { } respond)
        {
            return new RespondAction(respond).InvokeAsync;
        }

        if (plan.Redirect is { } redirect)
        {
            var template = PathTemplate.Parse(redirect.To, plan.Pattern, "", new Core.Configuration.Problems());
            return new RedirectAction(template, redirect.Status).InvokeAsync;
        }

        if (plan.Compose is { } compose)
        {
            return new ComposeAction(compose, upstream).InvokeAsync;
        }

        if (plan.Enqueue is { } submitted)
        {
            return new EnqueueAction(submitted, enqueue).InvokeAsync;
        }

        if (plan.Backbone is { } backbone)
        {
            return new BackboneAction(backbone, enqueue).InvokeAsync;
        }

        forward = new ForwardAction([.. plan.To.Select(target => (upstream(target.Upstream), target.Weight))]);
        return forward.InvokeAsync;
    }
}
