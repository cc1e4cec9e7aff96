using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Admin;

/// <summary>What operators do to one endpoint by hand.</summary>
internal static class EndpointVerbs
{
    public static void Map(WebApplication application, LakouHost host)
    {
        MapState("drain", HealthState.Draining, "Drain an endpoint", "It gets nothing new, what runs on it goes on, and probes go on. `inFlight` tells when it is empty.");
        MapState("disable", HealthState.Disabled, "Disable an endpoint", "As drain; its idle connections are closed, and it is not probed.");
        MapState("enable", HealthState.Healthy, "Take an endpoint back into service", "Ends drain, disable and ejection. It counts as healthy until a probe or traffic says otherwise.");

        application.MapPost("/v1/upstreams/{upstream}/weight", (string upstream, string endpoint, int? weight) => weight is < 1 or > 1000
                ? AdminProblem.Of(AdminFaults.BadRequest.With($"{weight} is not a weight; 1 to 1000. For no traffic at all drain the endpoint."))
                : Do(host, upstream, endpoint, (health, state) => health.SetWeightByHand(state, weight)))
            .Describe("setEndpointWeight", "endpoints", "Change an endpoint's weight", "Without `weight` the file's counts again.")
            .Gives<EndpointView>(200).Fails(400, 401, 403, 404);

        void MapState(string verb, HealthState state, string summary, string description)
            => application.MapPost($"/v1/upstreams/{{upstream}}/{verb}", (string upstream, string endpoint) => Do(host, upstream, endpoint, (health, one) => health.SetByHand(one, state)))
                .Describe(verb + "Endpoint", "endpoints", summary, description)
                .Gives<EndpointView>(200).Fails(400, 401, 403, 404);
    }

    private static IResult Do(LakouHost host, string upstream, string endpoint, Action<UpstreamHealth, EndpointState> verb)
    {
        var upstreams = host.Gateway.Upstreams;
        if (!upstreams.TryGetValue(upstream, out var state))
        {
            return AdminProblem.Of(AdminFaults.NoSuchUpstream.With($"unknown upstream '{upstream}'{Nearest.Suggest(upstream, upstreams.Keys)}"));
        }

        if (state.Endpoints.FirstOrDefault(one => one.Address.Text == endpoint) is not { } found)
        {
            return AdminProblem.Of(AdminFaults.NoSuchEndpoint.With($"unknown endpoint '{endpoint}' of upstream '{upstream}'{Nearest.Suggest(endpoint, state.Endpoints.Select(one => one.Address.Text))}"));
        }

        verb(state.Health, found);
        return Results.Json(StateViews.EndpointOf(state, found));
    }
}
