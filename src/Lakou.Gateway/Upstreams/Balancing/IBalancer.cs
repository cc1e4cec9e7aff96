namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>Chooses the endpoint of a request. Called from many threads.</summary>
internal interface IBalancer
{
    /// <summary>Null when there is no endpoint.</summary>
    EndpointState? Pick();
}

internal sealed record WeightedEndpoint(EndpointState State, int Weight);
