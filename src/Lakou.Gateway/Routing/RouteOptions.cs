using Lakou.Core.Configuration;
using Lakou.Gateway.Actions;
using Lakou.Gateway.Actions.Backbone;
using Lakou.Gateway.Actions.Compose;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Filters;

namespace Lakou.Gateway.Routing;

internal sealed record RouteOptions
{
    private static readonly IReadOnlyDictionary<string, object?> NoFilters = new Dictionary<string, object?>();

    public RouteMatch Match { get; init; } = new();

    public IReadOnlyDictionary<string, object?> Filters { get; init; } = NoFilters;

    public IReadOnlyList<TargetOptions>? To { get; init; }

    public RespondOptions? Respond { get; init; }

    public RedirectOptions? Redirect { get; init; }

    public ComposeOptions? Compose { get; init; }

    public EnqueueOptions? Enqueue { get; init; }

    public BackboneOptions? Backbone { get; init; }

    public static Shape<RouteOptions> Shape { get; } = Shapes.Object("route", "A match and one action: `to`, `respond`, `redirect`, `compose`, `enqueue` or `backbone`.", () => new RouteOptions())
        .Field("match", MatchShape(), o => o.Match, (o, v) => o with { Match = v }, "Which requests it takes. The most specific match wins, whatever the order of writing.")
        .Field("filters", FilterCatalog.Shape, o => o.Filters, (o, v) => o with { Filters = v }, "Policies of this route; one with the same name as a common filter replaces it, and `false` switches it off.")
        .Field("to", TargetOptions.Shape, o => o.To, (o, v) => o with { To = v }, "Forward to an upstream, or to several by weight.")
        .Field("respond", RespondOptions.Shape, o => o.Respond, (o, v) => o with { Respond = v }, "Answer here.")
        .Field("redirect", RedirectOptions.Shape, o => o.Redirect, (o, v) => o with { Redirect = v }, "Send the client elsewhere.")
        .Field("compose", ComposeOptions.Shape, o => o.Compose, (o, v) => o with { Compose = v }, "Ask several upstreams side by side and answer with one JSON object.")
        .Field("enqueue", EnqueueOptions.Shape, o => o.Enqueue, (o, v) => o with { Enqueue = v }, "Store the request as an event of a topic, with no service behind.")
        .Field("backbone", BackboneOptions.Shape, o => o.Backbone, (o, v) => o with { Backbone = v }, "Serve the backbone's API: publish, receive, acknowledge.")
        .Check((route, node, problems) =>
        {
            var actions = new object?[] { route.To, route.Respond, route.Redirect, route.Compose, route.Enqueue, route.Backbone }.Count(action => action is not null);
            if (actions != 1)
            {
                problems.Add(node, actions == 0 ? "a route needs an action; one of to, respond, redirect, compose, enqueue, backbone" : "a route has one action only; keep one of to, respond, redirect, compose, enqueue, backbone");
            }
        });

    private static ObjectShape<RouteMatch> MatchShape() => Shapes.Object("match", "Which requests a route takes. What is left out matches anything.", () => new RouteMatch())
        .Field("host", Shapes.Text(1, 253), o => o.Host, (o, v) => o with { Host = v }, "`api.example.org`, or `*.example.org` for any name below it. Port and case do not matter.")
        .Field("path", Shapes.Text(1, 2048), o => o.Path, (o, v) => o with { Path = v }, "`/a` exact; `/a/*` one segment; `/a/**` the path and all below it; `/a/{id}` and `/a/{**rest}` capture; `~` starts a regular expression for the whole path.")
        .Field("methods", Shapes.List(Shapes.Text(1, 32)), o => o.Methods, (o, v) => o with { Methods = v }, "`GET` takes `HEAD` too.")
        .Field("headers", Shapes.Map(Shapes.Text(1, 8192)), o => o.Headers, (o, v) => o with { Headers = v }, "Name to its exact value, or `*` for any.")
        .Field("query", Shapes.Map(Shapes.Text(0, 8192)), o => o.Query, (o, v) => o with { Query = v }, "Parameter to its exact value, or `*` for any.")
        .Field("priority", Shapes.Integer(-1000, 1000), o => o.Priority, (o, v) => o with { Priority = v }, "Decides between routes that are equally specific; the higher goes first.");
}
