using Lakou.Core.Hashing;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Endpoints that are new or came back serve as if their weight grew, from a tenth to all of it, in a straight line over the time given. Any balancer chooses; if it
/// chooses one that still grows, the choice stands with the probability that gives the lesser weight its share, and otherwise one that is grown is
/// chosen. Source: HAProxy's <c>slowstart</c>; the least share is Envoy's <c>min_weight_percent</c>.
/// </summary>
internal sealed class SlowStart : IBalancer
{
    public const double LeastShare = 0.1;

    private readonly IBalancer _all;
    private readonly IBalancer _grown;
    private readonly WeightedEndpoint[] _growing;
    private readonly double _weights;
    private readonly double _ticks;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly HashKey? _key;
    private volatile bool _isOver;

    private SlowStart(Func<WeightedEndpoint[], IBalancer> create, WeightedEndpoint[] serving, WeightedEndpoint[] growing, BalancePlan plan, TimeProvider time, Random random)
    {
        _all = create(serving);
        _grown = create([.. serving.Except(growing)]);
        _growing = growing;
        _weights = serving.Sum(endpoint => (double)endpoint.Weight);
        _ticks = TicksOf(plan.SlowStart, time);
        _time = time;
        _random = random;
        _key = plan.Kind == Balance.Hash ? new(plan.Hash) : null;
    }

    /// <summary>As it is when nobody grows, and when nobody is grown: then there is nobody to spare them.</summary>
    public static IBalancer Over(
        Func<WeightedEndpoint[], IBalancer> create, WeightedEndpoint[] serving, BalancePlan plan, TimeProvider time, Random? random = null)
    {
        var latest = time.GetTimestamp() - TicksOf(plan.SlowStart, time);
        WeightedEndpoint[] growing = [.. serving.Where(endpoint => endpoint.Since > latest)];
        return plan.SlowStart == TimeSpan.Zero || growing.Length == 0 || growing.Length == serving.Length
            ? create(serving)
            : new SlowStart(create, serving, growing, plan, time, random ?? Random.Shared);
    }

    public EndpointState? Pick(in PickContext who)
    {
        var picked = _all.Pick(in who);
        if (_isOver || Array.Find(_growing, endpoint => endpoint.State == picked) is not { } growing)
        {
            return picked;
        }

        var now = _time.GetTimestamp();
        var weights = _weights;
        foreach (var endpoint in _growing)
        {
            weights -= endpoint.Weight * (1 - ShareOf(endpoint, now));
        }

        _isOver = weights == _weights;
        return Draw(in who) < ShareOf(growing, now) * _weights / weights ? picked : _grown.Pick(in who);
    }

    private double ShareOf(WeightedEndpoint endpoint, long now)
        => Math.Clamp(LeastShare + ((1 - LeastShare) * (now - endpoint.Since) / _ticks), LeastShare, 1);

    /// <summary>Where a key decides, it decides this too: once it has moved to the new endpoint, it stays.</summary>
    private double Draw(in PickContext who)
        => _key is not null && _key.TryHash(in who, out var hash) ? KeyHash.Again(hash, -1) / (double)ulong.MaxValue : _random.NextDouble();

    private static double TicksOf(TimeSpan span, TimeProvider time) => span.TotalSeconds * time.TimestampFrequency;
}
