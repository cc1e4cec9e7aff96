namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Backups: a tier serves while no tier before it has an endpoint, and then all of it serves, balanced like any other. Source: nginx's
/// <c>backup</c>, HAProxy's <c>backup</c> with <c>option allbackups</c>.
/// </summary>
internal static class Tiers
{
    public static WeightedEndpoint[] Serving(WeightedEndpoint[] usable)
    {
        WeightedEndpoint[] open = [.. usable.Where(endpoint => endpoint.Weight > 0)];
        var tier = open.Length == 0 ? 0 : open.Min(endpoint => endpoint.Tier);
        return [.. open.Where(endpoint => endpoint.Tier == tier)];
    }
}
