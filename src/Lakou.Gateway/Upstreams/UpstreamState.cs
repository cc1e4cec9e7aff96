using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Transport;

namespace Lakou.Gateway.Upstreams;

/// <summary>
/// An upstream, live. It keeps its identity while its name stays in the plan: routes hold on to it, and a new plan
/// keeps the state of every endpoint whose address it still has.
/// </summary>
internal sealed class UpstreamState(string name, GatewayMetrics metrics, LakouTransport transport, Sweeper sweeper) : IDisposable
{
    private readonly Lock _changeGate = new();
    private Snapshot _current = new(null!, [], [], new RoundRobin([]));

    public string Name { get; } = name;

    public UpstreamPlan Plan => Volatile.Read(ref _current).Plan;

    /// <summary>All of the plan, also those that get no traffic.</summary>
    public IReadOnlyList<EndpointState> Endpoints => Volatile.Read(ref _current).Endpoints;

    /// <summary>Chooses an endpoint; null when there is none, or none for this client.</summary>
    public EndpointState? Pick(in PickContext who, out UpstreamPlan plan)
    {
        var current = Volatile.Read(ref _current);
        plan = current.Plan;
        return current.Balancer.Pick(in who);
    }

    /// <summary>For who could not reach the balancer's choice: of the usable ones not tried yet the least busy of the lowest tier, or the first where order decides.</summary>
    public EndpointState? PickAnother(IReadOnlyCollection<EndpointState> tried)
    {
        var current = Volatile.Read(ref _current);
        return current.Usable
            .Where(endpoint => !tried.Contains(endpoint.State))
            .OrderBy(endpoint => endpoint.Tier)
            .ThenBy(endpoint => current.Plan.Balance.Kind == Balance.First ? 0 : endpoint.State.InFlight)
            .FirstOrDefault()?.State;
    }

    public void Apply(UpstreamPlan plan)
    {
        IReadOnlyList<EndpointState> before;
        EndpointState[] endpoints;
        lock (_changeGate)
        {
            before = _current.Endpoints;
            endpoints = [.. plan.Endpoints.Select(endpoint => before.FirstOrDefault(state => state.Address == endpoint.Address)
                ?? new EndpointState(endpoint.Address, metrics.Endpoint(Name, endpoint.Address.Text), transport, sweeper))];
            Use(plan, endpoints);
        }

        foreach (var gone in before.Except(endpoints))
        {
            gone.Dispose();
            if (Array.TrueForAll(endpoints, endpoint => endpoint.Address.Text != gone.Address.Text))
            {
                metrics.RemoveEndpoint(Name, gone.Address.Text);
            }
        }
    }

    public void Dispose()
    {
        foreach (var endpoint in Endpoints)
        {
            endpoint.Dispose();
            metrics.RemoveEndpoint(Name, endpoint.Address.Text);
        }
    }

    /// <summary>Balancers know the endpoints that may get traffic and nothing else: when one comes or goes there is a new balancer.</summary>
    private void Use(UpstreamPlan plan, EndpointState[] endpoints)
    {
        var since = _current.Usable.ToDictionary(endpoint => endpoint.State, endpoint => endpoint.Since);
        var now = _current.Plan is null ? WeightedEndpoint.FromTheStart : sweeper.Time.GetTimestamp();
        WeightedEndpoint[] usable = [.. endpoints.Zip(plan.Endpoints, (state, endpoint) => new WeightedEndpoint(state, endpoint.Weight, endpoint.Tier, since.GetValueOrDefault(state, now)))];
        Volatile.Write(ref _current, new(plan, endpoints, usable, IBalancer.Create(plan, usable, endpoints, sweeper.Time)));
    }

    private sealed record Snapshot(UpstreamPlan Plan, EndpointState[] Endpoints, WeightedEndpoint[] Usable, IBalancer Balancer);
}
