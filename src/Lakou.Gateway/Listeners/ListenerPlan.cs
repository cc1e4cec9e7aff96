using System.Net;
using Lakou.Core.Configuration;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Tls;
using Lakou.Http;

namespace Lakou.Gateway.Listeners;

/// <summary>A listener, checked and immutable.</summary>
internal sealed record ListenerPlan(
    string Name,
    ListenerAddress Address,
    TlsPlan? Tls,
    Protocols Protocols,
    ForwardRules Rules,
    TargetRules Targets,
    HeadLimits HeadLimits,
    ListenerOptions Options,
    string Fingerprint)
{
    /// <summary>What a listener of TCP does; null for others.</summary>
    public TcpPlan? Tcp { get; init; }

    /// <summary>Of what is written alone: certificates may change under it.</summary>
    public required string WrittenFingerprint { get; init; }

    /// <summary><c>http</c>, <c>https</c>, <c>tcp</c> or <c>udp</c>.</summary>
    public string Scheme => Options.Tcp is not null ? "tcp" : Options.Udp is not null ? "udp" : Tls is null ? "http" : "https";

    public bool IsHttp => Options is { Tcp: null, Udp: null };

    /// <summary>Whether a peer begins its connections with a PROXY header. One on a Unix socket has no address and never does.</summary>
    public bool ExpectsProxyHeader(IPAddress? peer) => peer is not null && Options.AcceptProxy.Any(network => network.Contains(peer));

    /// <summary>Whether both cannot be bound at once. TCP and UDP have ports of their own.</summary>
    public bool Overlaps(ListenerPlan other) => (IsSameKind(other) || (TakesDatagrams && other.TakesDatagrams)) && Address.Overlaps(other.Address);

    private bool TakesDatagrams => Options.Udp is not null || Protocols.HasFlag(Protocols.Http3);

    /// <summary>Whether one can take over the other's socket, were the address the same.</summary>
    public bool IsSameKind(ListenerPlan other) => (Options.Udp is null) == (other.Options.Udp is null);

    /// <summary>Null when the address is unusable.</summary>
    public static ListenerPlan? Build(string name, ListenerOptions options, string directory, string fingerprint, Problems problems)
    {
        var path = $"listeners.{name}";
        var address = ListenerAddress.TryParse(options.Address, out var error);
        if (address is null)
        {
            problems.Add(path + ".address", error);
        }

        var tls = options.Tls is null ? null : TlsPlan.Build(path + ".tls", options.Tls, directory, problems);
        return address is null ? null : new(
            name,
            address,
            tls,
            options.Protocols.Aggregate((all, one) => all | one),
            new ForwardRules(options.TrustedProxies, options.Underscores),
            new TargetRules { AllowEncodedSlash = options.EncodedSlashes == EncodedSlashes.Keep, MergeSlashes = options.Slashes == Slashes.Merge },
            new HeadLimits((int)options.Limits.Head, options.Limits.Fields, (int)Math.Min(options.Limits.Head, 8 << 10)), // 8 KiB a line: nginx's large_client_header_buffers
            options,
            fingerprint + tls?.Fingerprint)
        {
            WrittenFingerprint = fingerprint,
            Tcp = options.Tcp is null ? null : TcpPlan.Build(path + ".tcp", options.Tcp, problems),
        };
    }
}
