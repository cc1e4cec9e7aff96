using System.Net;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

/// <summary>Asks for a name again and again, each time when the answer before has lived its time.</summary>
internal sealed class DnsSource(DnsOptions options, TimeProvider time) : IEndpointSource
{
    private const string ResolvConf = "/etc/resolv.conf";
    private const string Hosts = "/etc/hosts";
    private const int MostTiers = 10;
    private const int HeaviestWeight = 1000; // that of endpoints in a file

    // /etc/hosts has no times to live, and is cheap to read.
    private static readonly TimeSpan HostsTtl = TimeSpan.FromSeconds(5);

    private long? _asked;
    private TimeSpan _wait;

    public static DiscoveryPlan Plan(string path, DnsOptions options, Problems problems)
    {
        if (options.Name is not null && IPAddress.TryParse(options.Name, out _))
        {
            problems.Add($"{path}", $"{options.Name} is an address, which nobody has to be asked for; write it under 'endpoints'");
        }

        var of = options.Srv ?? $"{options.Name}:{options.Port}";
        return new("dns", of, options.Scheme, $"dns {options} {string.Join(' ', options.Servers)}", (time, _) => new DnsSource(options, time));
    }

    public async Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop)
    {
        if (_asked is { } asked && _wait - time.GetElapsedTime(asked) is { Ticks: > 0 } left)
        {
            await Task.Delay(left, time, stop);
        }

        _asked = null; // after a failure at once: the caller has waited
        var found = options.Srv is null ? await OfNameAsync(options.Name!, stop) : await OfServicesAsync(options.Srv, stop);
        if (found.Values.Count == 0)
        {
            throw new DiscoveryException(DiscoveryFailure.NotFound, $"{options.Srv ?? options.Name} does not resolve; correct the name, or its records");
        }

        (_asked, _wait) = (time.GetTimestamp(), found.Ttl < options.Floor ? options.Floor : found.Ttl > options.Ceiling ? options.Ceiling : found.Ttl);
        return found.Values;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>1 for the lowest priority's rank, and so on; a weight of 0 among others is a thousandth of the heaviest (RFC 2782: "a very small chance").</summary>
    internal static IEnumerable<EndpointPlan> Endpoints(IReadOnlyList<(DnsService Service, IPAddress Address)> found, string scheme)
    {
        var priorities = found.Select(one => one.Service.Priority).Distinct().Order().ToList();
        var heaviest = found.Select(one => one.Service.Weight).DefaultIfEmpty().Max();
        var isScaled = heaviest > HeaviestWeight || found.Any(one => one.Service.Weight == 0);
        return found
            .Select(one => new EndpointPlan(
                EndpointAddress.Of(scheme, new IPEndPoint(one.Address, one.Service.Port), one.Service.Target),
                heaviest == 0 ? 1 : isScaled ? Math.Max(1, one.Service.Weight * HeaviestWeight / heaviest) : one.Service.Weight,
                Math.Min(priorities.IndexOf(one.Service.Priority), MostTiers - 1)))
            .OrderBy(endpoint => endpoint.Tier)
            .ThenBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal);
    }

    private async Task<Resolved<EndpointPlan>> OfNameAsync(string name, CancellationToken stop)
    {
        var hosts = options.Servers.Count > 0 ? [] : HostsFile.Find(Lines(Hosts), name).Where(IsWanted).ToArray();
        var found = hosts.Length > 0 ? new(Preferred(hosts), HostsTtl) : await FirstAsync(name, (resolver, whole) => resolver.AddressesAsync(whole, options.Family, stop));

        // In an order of their own: servers turn theirs with every answer.
        var endpoints = found.Values
            .Select(address => new EndpointPlan(EndpointAddress.Of(options.Scheme, new IPEndPoint(address, options.Port!.Value), name.TrimEnd('.')), 1, 0))
            .OrderBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal);
        return new([.. endpoints], found.Ttl);
    }

    private async Task<Resolved<EndpointPlan>> OfServicesAsync(string name, CancellationToken stop)
    {
        var found = await FirstAsync(name, (resolver, whole) => resolver.ServicesAsync(whole, options.Family, stop));
        return new([.. Endpoints(found.Values, options.Scheme)], found.Ttl);
    }

    /// <summary>Of the names that this one may stand for, the first that has anything.</summary>
    private async Task<Resolved<T>> FirstAsync<T>(string name, Func<Resolver, string, Task<Resolved<T>>> ask)
    {
        // Read each time: the file changes under networks that come and go.
        var settings = options.Servers.Count > 0 ? ResolverSettings.Of(options.Servers.Select(server => DiscoveryShapes.TryNameServer(server)!)) : ResolverSettings.Parse(Lines(ResolvConf));
        var resolver = new Resolver(new DnsClient(settings, time));
        var found = new Resolved<T>([], TimeSpan.Zero);
        foreach (var whole in settings.NamesFor(name))
        {
            found = await ask(resolver, whole);
            if (found.Values.Count > 0)
            {
                break;
            }
        }

        return found;
    }

    private bool IsWanted(IPAddress address) => options.Family switch
    {
        AddressFamilies.Ipv4 => address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork,
        AddressFamilies.Ipv6 => address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
        _ => true,
    };

    private IPAddress[] Preferred(IPAddress[] addresses)
    {
        IPAddress[] v4 = [.. addresses.Where(address => address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork)];
        return options.Family == AddressFamilies.Auto && v4.Length > 0 ? v4 : addresses;
    }

    private static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // as if it were empty: what it means then is documented
        }
    }
}
