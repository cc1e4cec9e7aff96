using System.Net;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

internal enum AddressFamilies
{
    Auto,
    Ipv4,
    Ipv6,
    Both,
}

/// <param name="Values">Empty when there are none.</param>
/// <param name="Ttl">The shortest on the way to them.</param>
internal sealed record Resolved<T>(IReadOnlyList<T> Values, TimeSpan Ttl);

/// <summary>From names to addresses and services, aliases followed.</summary>
internal sealed class Resolver(DnsClient client)
{
    private const int LongestChain = 16; // of aliases; BIND follows 11
    private const int MostServices = 1000;
    private const int AtOnce = 8;

    /// <exception cref="DiscoveryException">No server can tell.</exception>
    public async Task<Resolved<IPAddress>> AddressesAsync(string name, AddressFamilies families, CancellationToken stop)
    {
        var none = new Resolved<IPAddress>([], TimeSpan.MaxValue);
        var v4 = families == AddressFamilies.Ipv6 ? none : await AddressesAsync(name, DnsType.A, stop);
        var v6 = families == AddressFamilies.Ipv4 || (families == AddressFamilies.Auto && v4.Values.Count > 0) ? none : await AddressesAsync(name, DnsType.Aaaa, stop);
        return new([.. v4.Values, .. v6.Values], v4.Ttl < v6.Ttl ? v4.Ttl : v6.Ttl);
    }

    /// <summary>Each service with the addresses of its target.</summary>
    /// <exception cref="DiscoveryException">No server can tell.</exception>
    public async Task<Resolved<(DnsService Service, IPAddress Address)>> ServicesAsync(string name, AddressFamilies families, CancellationToken stop)
    {
        var answer = await client.AskAsync(name, DnsType.Srv, stop);
        var (records, ttl) = Follow(answer.Answers, name, DnsType.Srv);

        // The root as target says that there is no such service; what is no host name could not be spoken to, nor written into a header.
        var services = records.Select(record => record.Service!.Value).Where(service => service.Port > 0 && DiscoveryShapes.IsHostName(service.Target)).ToArray();
        if (services.Length > MostServices)
        {
            throw new DiscoveryException(DiscoveryFailure.Answer, $"{name} has {services.Length} SRV records; at most {MostServices}");
        }

        var targets = services.Select(service => service.Target).Distinct(StringComparer.Ordinal).ToArray();
        var addresses = new Resolved<IPAddress>[targets.Length];
        await Parallel.ForAsync(0, targets.Length, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop }, async (i, end) =>
            addresses[i] = Enclosed(answer, targets[i], families) ?? await AddressesAsync(targets[i], families, end));

        var found = from service in services
                    from address in addresses[Array.IndexOf(targets, service.Target)].Values
                    select (service, address);
        return new([.. found], addresses.Select(one => one.Ttl).Append(ttl).Min());
    }

    /// <summary>What the answer says of the target beside it: then nobody has to be asked.</summary>
    private static Resolved<IPAddress>? Enclosed(DnsMessage answer, string target, AddressFamilies families)
    {
        var (v4, v4Ttl) = Follow(answer.Additionals, target, DnsType.A);
        var (v6, v6Ttl) = Follow(answer.Additionals, target, DnsType.Aaaa);
        return families switch
        {
            AddressFamilies.Auto or AddressFamilies.Ipv4 when v4.Count > 0 => new(Addresses(v4), v4Ttl),
            AddressFamilies.Ipv6 when v6.Count > 0 => new(Addresses(v6), v6Ttl),
            _ => null,
        };
    }

    private async Task<Resolved<IPAddress>> AddressesAsync(string name, DnsType type, CancellationToken stop)
    {
        var (records, ttl) = Follow((await client.AskAsync(name, type, stop)).Answers, name, type);
        return new(Addresses(records), ttl);
    }

    private static IPAddress[] Addresses(IReadOnlyList<DnsRecord> records) => [.. records.Select(record => record.Address!)];

    /// <summary>The records of a name, or of what it is an alias of. Others do not count, whatever they are there for.</summary>
    private static (IReadOnlyList<DnsRecord> Records, TimeSpan Ttl) Follow(IReadOnlyList<DnsRecord> records, string name, DnsType type)
    {
        var (owner, ttl) = (name.ToLowerInvariant(), TimeSpan.MaxValue);
        var byOwner = records.ToLookup(record => record.Owner, StringComparer.Ordinal);
        for (var aliases = 0; aliases <= LongestChain; aliases++)
        {
            DnsRecord[] found = [.. byOwner[owner].Where(record => record.Type == type)];
            if (found.Length > 0)
            {
                return (found, found.Min(record => record.Ttl) is var own && own < ttl ? own : ttl);
            }

            if (byOwner[owner].FirstOrDefault(record => record.Target is not null) is not { } alias)
            {
                break;
            }

            (owner, ttl) = (alias.Target!, alias.Ttl < ttl ? alias.Ttl : ttl);
        }

        return ([], TimeSpan.MaxValue);
    }
}
