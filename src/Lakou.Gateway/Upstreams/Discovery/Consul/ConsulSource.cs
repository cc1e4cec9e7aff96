using System.Globalization;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Consul;

// The parts of an answer of /v1/health/service that matter here. Whatever comes, any part may be missing.
internal sealed record ConsulEntry(ConsulNode? Node, ConsulService? Service);

internal sealed record ConsulNode(string? Address);

internal sealed record ConsulService(string? Address, int? Port, ConsulWeights? Weights);

internal sealed record ConsulWeights(int? Passing);

/// <summary>
/// Asks for the instances of a service, each time with the index of the answer before: Consul answers when there is something newer, or after a while.
/// Source: Consul's "Blocking Queries", with what it says of indexes that go back or are zero.
/// </summary>
internal sealed class ConsulSource(ConsulOptions options, TimeProvider time) : IEndpointSource
{
    private const int HeaviestWeight = 1000; // that of endpoints in a file

    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(15);

    // Consul's default; it adds up to a sixteenth by chance, so that not all come back together.
    private static readonly TimeSpan Block = TimeSpan.FromMinutes(5);

    // A server that does not block, or a service that changes all the time, is not asked more often.
    private static readonly TimeSpan BetweenQueries = TimeSpan.FromSeconds(1);

    private readonly ApiClient _api = new(new Uri(options.Address), options.Ca, headers =>
    {
        if (options.Token is not null)
        {
            headers.Add("X-Consul-Token", options.Token);
        }
    }, time);

    private readonly string _path = $"v1/health/service/{Uri.EscapeDataString(options.Service)}?passing=true"
        + (options.Tag is null ? "" : $"&tag={Uri.EscapeDataString(options.Tag)}")
        + (options.Datacenter is null ? "" : $"&dc={Uri.EscapeDataString(options.Datacenter)}");

    private ulong _index;
    private long? _asked;

    public static DiscoveryPlan Plan(string path, ConsulOptions options, string directory, Problems problems)
    {
        if (options.Ca is not null && options.Address.StartsWith("http:", StringComparison.OrdinalIgnoreCase))
        {
            problems.Add($"{path}.ca", "nothing is encrypted to this address; use https://host:port");
        }

        options = options with { Ca = options.Ca is null ? null : Path.GetFullPath(options.Ca, directory) };
        var of = (options.Tag is null ? "" : options.Tag + ".") + options.Service + (options.Datacenter is null ? "" : "." + options.Datacenter);
        return new("consul", of, options.Scheme, $"consul {options}", (time, _) => new ConsulSource(options, time));
    }

    public async Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop)
    {
        if (_asked is { } asked && BetweenQueries - time.GetElapsedTime(asked) is { Ticks: > 0 } left)
        {
            await Task.Delay(left, time, stop);
        }

        _asked = time.GetTimestamp();
        var before = _index;
        _index = 0; // after a failure the next answer comes at once, and tells that it is over
        var blocking = before == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"&index={before}&wait={(int)Block.TotalSeconds}s");
        using var response = await _api.GetAsync(_path + blocking, before == 0 ? Answer : Block + (Block / 16) + Answer, stop);
        var entries = await _api.ReadAsync<List<ConsulEntry?>>(response, Answer, stop);
        _index = response.Headers.TryGetValues("X-Consul-Index", out var values) && ulong.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index >= before
            ? index
            : 0;
        return [.. entries.Select(Endpoint).OfType<EndpointPlan>().OrderBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal)];
    }

    public ValueTask DisposeAsync()
    {
        _api.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Null without an address or a port: such a service is not spoken to.</summary>
    private EndpointPlan? Endpoint(ConsulEntry? entry)
    {
        var host = string.IsNullOrEmpty(entry?.Service?.Address) ? entry?.Node?.Address : entry.Service.Address;
        var shown = host?.Contains(':', StringComparison.Ordinal) == true ? $"[{host}]" : host;
        return EndpointAddress.TryParse($"{options.Scheme}://{shown}:{entry?.Service?.Port}", out _) is { } address
            ? new(address, Math.Clamp(entry?.Service?.Weights?.Passing ?? 1, 1, HeaviestWeight), 0)
            : null;
    }
}
