namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>Chooses the endpoint of a request. Called from many threads.</summary>
internal interface IBalancer
{
    /// <summary>Null when there is no endpoint.</summary>
    EndpointState? Pick();

    static IBalancer Create(Balance balance, WeightedEndpoint[] endpoints) => balance switch
    {
        Balance.RoundRobin => new RoundRobin(endpoints),
        _ => new PowerOfTwo(endpoints, Random.Shared),
    };
}

internal sealed record WeightedEndpoint(EndpointState State, int Weight);
