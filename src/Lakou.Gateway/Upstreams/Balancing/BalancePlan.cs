using System.Text;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>How endpoints are chosen, checked.</summary>
internal sealed record BalancePlan(BalanceOptions Options, TimeSpan SlowStart, StickyPlan? Sticky)
{
    public Balance Kind => Options.Kind;

    public HashKeyOptions Hash => Options.Hash;

    public double BoundedLoad => Options.BoundedLoad;

    /// <summary><c>power-of-two</c>; <c>round-robin, sticky by cookie lakou</c>.</summary>
    public override string ToString() => Sticky is null ? Options.ToString() : $"{Options}, sticky by cookie {Sticky.Options.Cookie}";

    public static BalancePlan Build(UpstreamOptions options)
        => new(options.Balance, options.SlowStart ?? TimeSpan.Zero, options.Sticky is null ? null : StickyPlan.Build(options.Sticky));

    /// <summary>What of an upstream as a whole cannot be.</summary>
    public static void Check(UpstreamPlan upstream, Problems problems)
    {
        if (upstream.Scheme is "tcp" or "udp")
        {
            CheckLayer4(upstream, problems);
        }

        if (upstream.Balance.Kind == Balance.Hash && upstream.Endpoints.Count > MaglevTable.MaxEndpoints)
        {
            problems.Add($"upstreams.{upstream.Name}.endpoints", $"{upstream.Endpoints.Count} endpoints share {MaglevTable.Size} places of a hash; at most {MaglevTable.MaxEndpoints}");
        }
    }

    /// <summary>A connection has nothing that tells clients apart but their addresses, a datagram no answer that could be timed.</summary>
    public static void CheckLayer4(UpstreamPlan upstream, Problems problems)
    {
        var path = $"upstreams.{upstream.Name}";
        var balance = upstream.Balance;
        if (balance.Kind == Balance.Hash && balance.Hash.Source != HashSource.ClientIp)
        {
            problems.Add($"{path}.balance.hash", $"layer 4 has no {balance.Hash.Source.ToString().ToLowerInvariant()}; hash client-ip");
        }

        if (balance.Sticky is not null)
        {
            problems.Add($"{path}.sticky", "layer 4 has no cookies; use balance: { hash: client-ip }");
        }

        if (balance.Kind == Balance.LeastLatency && upstream.Scheme == "udp")
        {
            problems.Add($"{path}.balance", "datagrams have no answer that could be timed; use least-requests");
        }
    }

    /// <summary>A capture that no route to the upstream makes would never be there.</summary>
    /// <param name="upstream">Whose balance may hash a capture.</param>
    /// <param name="captures">Of each route that leads to it.</param>
    /// <param name="problems">Gets it.</param>
    public static void CheckCapture(UpstreamPlan upstream, IReadOnlyCollection<IReadOnlyList<string>> captures, Problems problems)
    {
        var hash = upstream.Balance.Hash;
        if (captures.Count > 0 && !captures.Any(names => names.Contains(hash.Name, StringComparer.Ordinal)))
        {
            problems.Add($"upstreams.{upstream.Name}.balance.hash.capture", $"no route to '{upstream.Name}' captures '{hash.Name}'{Nearest.Suggest(hash.Name, captures.SelectMany(names => names))}");
        }
    }
}

/// <summary>The cookie, checked.</summary>
internal sealed record StickyPlan(StickyOptions Options, byte[] CookieName, byte[]? Key)
{
    public static StickyPlan Build(StickyOptions options)
        => new(options, Encoding.ASCII.GetBytes(options.Cookie), options.Key is null ? null : Encoding.UTF8.GetBytes(options.Key));
}
