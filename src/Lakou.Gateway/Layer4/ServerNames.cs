using System.Net;
using Lakou.Core.Configuration;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Layer4;

/// <summary>Which upstream serves a name that TLS clients ask for: the exact name first, then the longest wildcard.</summary>
internal sealed class ServerNames
{
    private readonly Dictionary<string, string> _exact = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _below = new(StringComparer.Ordinal); // *.example.net as example.net

    public bool IsEmpty => _exact.Count + _below.Count == 0;

    /// <summary>Each as often as it is named.</summary>
    public IEnumerable<string> Upstreams => _exact.Values.Concat(_below.Values);

    public static ServerNames Build(IReadOnlyDictionary<string, string> written, string path, Problems problems)
    {
        var names = new ServerNames();
        foreach (var (name, upstream) in written)
        {
            var at = $"{path}.{name}";
            if (HostPattern.TryParse(name, problem => problems.Add(at, problem)) is not { } pattern)
            {
                continue;
            }

            if (IPAddress.TryParse(pattern.Name, out _))
            {
                problems.Add(at, $"'{name}' is an address, which no client sends (RFC 6066); use a host name, or 'to' for clients without one");
            }
            else if (!(pattern.Kind == HostKind.Wildcard ? names._below : names._exact).TryAdd(pattern.Name, upstream))
            {
                problems.Add(at, $"'{pattern}' is here twice; once is enough");
            }
        }

        return names;
    }

    /// <param name="name">In lower case, without a dot at the end.</param>
    /// <returns>Null when nothing matches.</returns>
    public string? Find(string name)
    {
        if (_exact.TryGetValue(name, out var upstream))
        {
            return upstream;
        }

        if (_below.Count == 0)
        {
            return null;
        }

        var lookup = _below.GetAlternateLookup<ReadOnlySpan<char>>();
        var rest = name.AsSpan();
        for (var dot = rest.IndexOf('.'); dot >= 0; dot = rest.IndexOf('.'))
        {
            rest = rest[(dot + 1)..];
            if (lookup.TryGetValue(rest, out upstream))
            {
                return upstream;
            }
        }

        return null;
    }
}
