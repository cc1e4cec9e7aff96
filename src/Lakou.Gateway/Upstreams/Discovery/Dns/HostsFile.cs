using System.Net;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

/// <summary><c>/etc/hosts</c>: an address and its names, line by line (hosts(5)).</summary>
internal static class HostsFile
{
    public static IReadOnlyList<IPAddress> Find(IEnumerable<string> lines, string name)
    {
        var found = new List<IPAddress>();
        foreach (var line in lines)
        {
            var words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Skip(1).Contains(name.TrimEnd('.'), StringComparer.OrdinalIgnoreCase) && IPAddress.TryParse(words[0], out var address))
            {
                found.Add(address);
            }
        }

        return found;
    }
}
