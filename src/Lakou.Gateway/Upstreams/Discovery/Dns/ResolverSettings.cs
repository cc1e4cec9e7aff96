using System.Globalization;
using System.Net;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

/// <summary>Who is asked, and how: <c>/etc/resolv.conf</c> (resolv.conf(5)), or the name servers of the options.</summary>
/// <param name="Servers">In the order of asking.</param>
/// <param name="Search">Domains that are added to names with few dots.</param>
/// <param name="Dots">Names with as many dots or more are asked for as they are first.</param>
/// <param name="Timeout">For one answer.</param>
/// <param name="Attempts">Rounds through all servers.</param>
internal sealed record ResolverSettings(IReadOnlyList<IPEndPoint> Servers, IReadOnlyList<string> Search, int Dots, TimeSpan Timeout, int Attempts)
{
    // resolv.conf(5) has 5 s and 2 attempts, of at most 30 s and 5. A gateway would rather know sooner: 2 s unless the file says otherwise.
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(2);
    private const int DefaultAttempts = 2;
    private const int MostServers = 3; // MAXNS
    private const int MostDomains = 16;

    public static ResolverSettings Of(IEnumerable<IPEndPoint> servers) => new([.. servers], [], 1, DefaultTimeout, DefaultAttempts);

    /// <summary>What is not there or not understood has its default: 127.0.0.1, as resolv.conf(5) says.</summary>
    public static ResolverSettings Parse(IEnumerable<string> lines)
    {
        var (servers, search) = (new List<IPEndPoint>(), new List<string>());
        var (dots, timeout, attempts) = (1, DefaultTimeout, DefaultAttempts);
        foreach (var line in lines)
        {
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            switch (words.FirstOrDefault())
            {
                case "nameserver" when words.Length > 1 && servers.Count < MostServers && IPAddress.TryParse(words[1], out var address):
                    servers.Add(new(address, 53));
                    break;
                case "search" or "domain":
                    search = [.. words.Skip(1).Select(domain => domain.Trim('.')).Where(DiscoveryShapes.IsHostName).Take(MostDomains)];
                    break;
                case "options":
                    dots = Option(words, "ndots:", 0, 15) ?? dots;
                    timeout = Option(words, "timeout:", 1, 30) is { } seconds ? TimeSpan.FromSeconds(seconds) : timeout;
                    attempts = Option(words, "attempts:", 1, 5) ?? attempts;
                    break;
                default:
                    break;
            }
        }

        return new(servers.Count > 0 ? servers : [new(IPAddress.Loopback, 53)], search, dots, timeout, attempts);
    }

    /// <summary>The names that one stands for, in the order of asking. A last dot says that it is whole.</summary>
    public IEnumerable<string> NamesFor(string name)
    {
        var whole = name.TrimEnd('.');
        string[] searched = name.EndsWith('.') ? [] : [.. Search.Select(domain => $"{whole}.{domain}").Where(DiscoveryShapes.IsHostName)];
        return whole.Count(c => c == '.') >= Dots ? [whole, .. searched] : [.. searched, whole];
    }

    private static int? Option(string[] words, string name, int least, int most)
        => Array.Find(words, word => word.StartsWith(name, StringComparison.Ordinal)) is { } word
            && int.TryParse(word.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? Math.Clamp(value, least, most)
            : null;
}
