namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>The first that is usable, in the order of writing: an active one with its standbys. Source: HAProxy's <c>balance first</c>, without its limit of connections.</summary>
internal sealed class First(WeightedEndpoint[] endpoints) : IBalancer
{
    public EndpointState? Pick(in PickContext who) => endpoints.Length == 0 ? null : endpoints[0].State;
}
