using Lakou.Core.Configuration;
using Lakou.Gateway.Filters.Headers;

namespace Lakou.Gateway.Upstreams.Balancing;

internal enum Balance
{
    PowerOfTwo,
    RoundRobin,
    LeastRequests,
    LeastLatency,
    Random,
    First,
    Hash,
}

internal enum HashSource
{
    ClientIp,
    Header,
    Cookie,
    Query,
    Capture,
}

/// <summary>What a client is recognised by.</summary>
internal sealed record HashKeyOptions
{
    public HashSource Source { get; init; }

    /// <summary>Of the header, cookie, parameter or capture.</summary>
    public string Name { get; init; } = "";

    private static readonly Shape<string> TokenShape = Shapes.Text(1, 256).Where(HeaderNames.IsToken, "letters, digits and '-' make a name");

    private static readonly Shape<HashKeyOptions> NamedShape = Shapes.Object("hash-key", "Of a request, what decides its endpoint; one of these.", () => new HashKeyOptions())
        .Field("header", TokenShape, o => o.NameOf(HashSource.Header), (o, v) => o.With(HashSource.Header, v), "A header, after filters have set theirs.")
        .Field("cookie", TokenShape, o => o.NameOf(HashSource.Cookie), (o, v) => o.With(HashSource.Cookie, v), "A cookie.")
        .Field("query", Shapes.Text(1, 256), o => o.NameOf(HashSource.Query), (o, v) => o.With(HashSource.Query, v), "A parameter of the query, name and value as clients write them.")
        .Field("capture", Shapes.Text(1, 256), o => o.NameOf(HashSource.Capture), (o, v) => o.With(HashSource.Capture, v), "A capture of the route's path: `id` of `/users/{id}/**`.")
        .Check((_, node, problems) =>
        {
            if (node is not ConfigMap { Entries.Count: 1 })
            {
                problems.Add(node, "one key decides; name one of header, cookie, query and capture");
            }
        });

    public static Shape<HashKeyOptions> Shape { get; } = Shapes.Choice(("client-ip", new HashKeyOptions())).Or(NamedShape, named => named);

    /// <summary><c>client-ip</c>, <c>header X-User</c>.</summary>
    public override string ToString() => Source == HashSource.ClientIp ? "client-ip" : $"{Source.ToString().ToLowerInvariant()} {Name}";

    private string? NameOf(HashSource source) => Source == source ? Name : null;

    private HashKeyOptions With(HashSource source, string name) => this with { Source = source, Name = name };
}

/// <summary>How an endpoint is chosen.</summary>
internal sealed record BalanceOptions
{
    public Balance Kind { get; init; }

    public HashKeyOptions Hash { get; init; } = new();

    public double BoundedLoad { get; init; } = 1.25; // the paper's own example, and HAProxy's advice for hash-balance-factor

    private static readonly (string Name, Balance Kind)[] s_kinds =
    [
        ("power-of-two", Balance.PowerOfTwo), ("round-robin", Balance.RoundRobin), ("least-requests", Balance.LeastRequests),
        ("least-latency", Balance.LeastLatency), ("random", Balance.Random), ("first", Balance.First),
    ];

    private static readonly Shape<BalanceOptions> HashShape = Shapes.Object("balance-by-hash", "The same endpoint for the same key, as long as it is there (Maglev).", () => new BalanceOptions { Kind = Balance.Hash })
        .Required("hash", HashKeyOptions.Shape, o => o.Hash, (o, v) => o with { Hash = v }, "The key. Requests without one are balanced by `power-of-two`.")
        .Field("bounded-load", Shapes.Number(1.05, 10).Or(Shapes.Choice(("off", 0d)), off => off), o => o.BoundedLoad, (o, v) => o with { BoundedLoad = v }, "How much of its share of the requests in flight an endpoint may have before its keys go elsewhere; `off` keeps them whatever happens.");

    public static Shape<BalanceOptions> Shape { get; } = Shapes.Choice(s_kinds)
        .As(kind => new BalanceOptions { Kind = kind }, options => options.Kind)
        .Or(HashShape, hash => hash);

    /// <summary><c>power-of-two</c>, <c>hash of header X-User</c>.</summary>
    public override string ToString() => Kind == Balance.Hash ? $"hash of {Hash}" : Array.Find(s_kinds, kind => kind.Kind == Kind).Name;
}
