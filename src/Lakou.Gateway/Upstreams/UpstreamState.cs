using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;
using Lakou.Transport;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Upstreams;

/// <summary>
/// An upstream, live. It keeps its identity while its name stays in the plan: routes hold on to it, and a new plan
/// keeps the state of every endpoint whose address it still has.
/// </summary>
internal sealed class UpstreamState : IDisposable
{
    private readonly Lock _changeGate = new();
    private readonly Lock _openGate = new();
    private readonly GatewayMetrics _metrics;
    private readonly LakouTransport _transport;
    private readonly Sweeper _sweeper;
    private readonly ILogger _log;
    private UpstreamDiscovery? _discovery;
    private Snapshot _current = new(null!, [], [], new RoundRobin([]));

    public UpstreamState(string name, GatewayMetrics metrics, LakouTransport transport, Sweeper sweeper, ILogger log)
    {
        Name = name;
        (_metrics, _transport, _sweeper, _log) = (metrics, transport, sweeper, log);
        Health = new(name, _changeGate, () => Use(_current.Plan, _current.Endpoints), metrics.Health, transport, sweeper, log);
        Admission = new(name, metrics.Limits, sweeper);
        metrics.Discovery.AddUpstream(name, () => Endpoints.Count);
    }

    public string Name { get; }

    public UpstreamHealth Health { get; }

    public Admission Admission { get; }

    /// <summary>Where the endpoints come from; null when they stand in the file.</summary>
    public UpstreamDiscovery? Discovery => Volatile.Read(ref _discovery);

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

    /// <summary>For who could not reach the balancer's choice: of the usable ones not tried yet the least busy of the lowest tier, or the first where order decides; then those that are not healthy, none that was taken out by hand.</summary>
    public EndpointState? PickAnother(IReadOnlyCollection<EndpointState> tried)
    {
        var current = Volatile.Read(ref _current);
        return current.Usable
            .Where(endpoint => !tried.Contains(endpoint.State))
            .OrderBy(endpoint => endpoint.Tier)
            .ThenBy(endpoint => current.Plan.Balance.Kind == Balance.First ? 0 : endpoint.State.InFlight)
            .FirstOrDefault()?.State
            ?? current.Endpoints.Where(endpoint => endpoint.Health.IsInService && !tried.Contains(endpoint)).MinBy(endpoint => endpoint.InFlight);
    }

    /// <summary>A new connection to an endpoint, not yet connected; at the limit an idle one, of any endpoint, closes for it.</summary>
    public UpstreamConnection Open(EndpointState endpoint)
    {
        if (Plan.Limits?.Connections is not { } most)
        {
            return endpoint.Open();
        }

        lock (_openGate)
        {
            while (Endpoints.Sum(one => one.OpenConnections) >= most && Endpoints.MaxBy(one => one.IdleConnections)!.CloseOneIdle())
            {
            }

            return endpoint.Open();
        }
    }

    /// <summary>
    /// A source that stays goes on, with the endpoints it gave. Another one takes over with its first list: until then those from before serve,
    /// if they speak the same.
    /// </summary>
    public void Apply(UpstreamPlan plan)
    {
        UpstreamDiscovery? begun = null;
        Change(current =>
        {
            if (_discovery?.Plan.Identity != plan.Discovery?.Identity)
            {
                EndDiscovery();
                begun = plan.Discovery is null ? null : new(Name, plan.Discovery, OnFound, _metrics.Discovery, _sweeper.Time, _log);
                Volatile.Write(ref _discovery, begun);
            }

            var isWaiting = plan is { Discovery: not null, Endpoints.Count: 0 } && current?.Scheme == plan.Scheme;
            return isWaiting ? plan with { Endpoints = EndpointPlan.With(plan.Tls, plan.Protocol, current!.Endpoints) } : plan;
        });
        Admission.Follow(plan.Limits, plan.Places);
        begun?.Start();
    }

    public void Dispose()
    {
        lock (_changeGate)
        {
            EndDiscovery();
        }

        _metrics.Discovery.RemoveUpstream(Name);
        Health.Dispose();
        Admission.Dispose();
        foreach (var endpoint in Endpoints)
        {
            Retire(endpoint);
            _metrics.RemoveEndpoint(Name, endpoint.Address.Text);
        }
    }

    /// <summary>Under the gate: what it still hands on finds that it is not the source any more.</summary>
    private void EndDiscovery()
    {
        if (_discovery is { } ended)
        {
            _discovery = null;
            ended.Dispose();
            _metrics.Discovery.RemoveSource(Name, ended.Plan.Kind);
        }
    }

    private void OnFound(UpstreamDiscovery source, IReadOnlyList<EndpointPlan> endpoints)
        => Change(current => _discovery == source ? current! with { Endpoints = EndpointPlan.With(current.Tls, current.Protocol, endpoints) } : null);

    /// <summary>Endpoints that stay keep their object; those that leave finish what they have.</summary>
    /// <param name="next">Called under the gate with the plan of now, null before the first; null changes nothing.</param>
    private void Change(Func<UpstreamPlan?, UpstreamPlan?> next)
    {
        EndpointState[] gone;
        IReadOnlyList<Notice> notices;
        lock (_changeGate)
        {
            if (next(_current.Plan) is not { } plan)
            {
                return;
            }

            var known = _current.Endpoints.ToDictionary(state => state.Address);
            EndpointState[] endpoints = [.. plan.Endpoints.Select(endpoint => known.GetValueOrDefault(endpoint.Address)
                ?? new EndpointState(endpoint.Address, _metrics.Endpoint(Name, endpoint.Address.Text), _transport, _sweeper))];
            gone = [.. known.Values.Except(endpoints)];
            notices = Health.Follow(plan.Health, endpoints);
            Use(plan, endpoints);

            // One that is replaced by another of its name, which has other TLS, hands it its metrics.
            foreach (var name in gone.Select(one => one.Address.Text).Except(endpoints.Select(one => one.Address.Text), StringComparer.Ordinal))
            {
                _metrics.RemoveEndpoint(Name, name);
            }
        }

        Array.ForEach(gone, Retire);

        Health.Tell(notices);
    }

    /// <summary>Balancers know the endpoints that may get traffic and nothing else: when one comes or goes there is a new balancer.</summary>
    private void Use(UpstreamPlan plan, EndpointState[] endpoints)
    {
        var since = _current.Usable.ToDictionary(endpoint => endpoint.State, endpoint => endpoint.Since);
        var now = _current.Endpoints.Length == 0 ? WeightedEndpoint.FromTheStart : _sweeper.Time.GetTimestamp();
        WeightedEndpoint[] usable = [.. endpoints.Zip(plan.Endpoints, (state, endpoint) => new WeightedEndpoint(state, state.Health.WeightByHand ?? endpoint.Weight, endpoint.Tier, since.GetValueOrDefault(state, now))).Where(one => Health.Admits(one.State))];
        Volatile.Write(ref _current, new(plan, endpoints, usable, IBalancer.Create(plan, usable, endpoints, _sweeper.Time)));
    }

    private static void Retire(EndpointState endpoint)
    {
        endpoint.Dispose();
        endpoint.Health.Probes.Life.Cancel();
    }

    private sealed record Snapshot(UpstreamPlan Plan, EndpointState[] Endpoints, WeightedEndpoint[] Usable, IBalancer Balancer);
}
