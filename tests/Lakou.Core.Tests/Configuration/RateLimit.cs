using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

internal enum Algorithm
{
    TokenBucket,
    SlidingWindow,
}

internal sealed record StoreOptions(string Url = "", string? Password = null);

internal sealed record RateLimit
{
    public string Key { get; init; } = "client-ip";
    public int Permits { get; init; } = 100;
    public TimeSpan Per { get; init; } = TimeSpan.FromSeconds(1);
    public int? Burst { get; init; }
    public Algorithm Algorithm { get; init; }
    public IReadOnlyList<string> Methods { get; init; } = ["GET", "POST"];
    public StoreOptions? Store { get; init; }
}

internal sealed record Root
{
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, object?>> Routes { get; init; } = new Dictionary<string, IReadOnlyDictionary<string, object?>>();
    public RateLimit Limit { get; init; } = new();
}

/// <summary>A declaration as filters make them, with every feature once.</summary>
internal static class RateLimitShapes
{
    public static readonly ObjectShape<StoreOptions> Store = Shapes.Object("store", "Where counts are kept.", () => new StoreOptions())
        .Required("url", Shapes.Text(), o => o.Url, (o, v) => o with { Url = v }, "Address.")
        .Field("password", Shapes.Text().Secret(), o => o.Password, (o, v) => o with { Password = v }, "Password.");

    public static readonly ObjectShape<RateLimit> Limit = Shapes.Object("rate-limit", "Admits so many requests per key and time.", () => new RateLimit())
        .Field("key", Shapes.Text(pattern: "[a-z-]+", expected: "a key"), o => o.Key, (o, v) => o with { Key = v }, "Who is counted: `a|b`.")
        .Field("permits", Shapes.Integer(1), o => o.Permits, (o, v) => o with { Permits = v }, "Requests per time.")
        .Field("per", Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)), o => o.Per, (o, v) => o with { Per = v }, "The time.")
        .Field("burst", Shapes.Integer(1), o => o.Burst, (o, v) => o with { Burst = v }, "At once; as `permits` when not written.")
        .Field("algorithm", Shapes.Choice(("token-bucket", Algorithm.TokenBucket), ("sliding-window", Algorithm.SlidingWindow)), o => o.Algorithm, (o, v) => o with { Algorithm = v }, "How.")
        .Field("methods", Shapes.List(Shapes.Text()), o => o.Methods, (o, v) => o with { Methods = v }, "Which.")
        .Field("store", Store.Or(Shapes.Text(), url => new StoreOptions(url)), o => o.Store, (o, v) => o with { Store = v }, "Shared counts.")
        .Check((o, node, problems) =>
        {
            if (o.Burst < o.Permits)
            {
                problems.Add(node, "burst is less than permits");
            }
        });

    public static readonly ObjectShape<Root> Root = Shapes.Object("root", "The file.", () => new Root())
        .Field("routes", Shapes.Named(Shapes.Variants([("rate-limit", Limit.Boxed(), "Limits."), ("strip-prefix", Shapes.Text().Boxed(), "Cuts.")])), o => o.Routes, (o, v) => o with { Routes = v }, "By name.")
        .Field("limit", Limit, o => o.Limit, (o, v) => o with { Limit = v }, "For all.");
}
