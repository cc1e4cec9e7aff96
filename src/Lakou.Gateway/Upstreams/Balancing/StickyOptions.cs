using Lakou.Core.Configuration;
using Lakou.Gateway.Filters.Headers;

namespace Lakou.Gateway.Upstreams.Balancing;

internal enum WhenGone
{
    Rebalance,
    Reject,
}

/// <summary>A client stays with its endpoint by a cookie.</summary>
internal sealed record StickyOptions
{
    public string Cookie { get; init; } = "";

    public string? Key { get; init; }

    public WhenGone WhenGone { get; init; }

    public TimeSpan? MaxAge { get; init; }

    public bool Forward { get; init; }

    public static Shape<StickyOptions> Shape { get; } = Shapes.Object("sticky", "A client stays with its endpoint by a cookie.", () => new StickyOptions())
        .Required("cookie", Shapes.Text(1, 128).Where(HeaderNames.IsToken, "letters, digits, '-' and '_' make a cookie's name"), o => o.Cookie, (o, v) => o with { Cookie = v }, "The cookie's name. Its value is opaque and signed.")
        .Field("key", Shapes.Text(16, 1024).Secret(), o => o.Key, (o, v) => o with { Key = v }, "What signs it, 16 characters or more, best `${file:…}` of 32 random bytes in hexadecimal: the same for all gateways that share clients. Without one, cookies are good until this process ends.")
        .Field("when-gone", Shapes.Choice(("rebalance", WhenGone.Rebalance), ("reject", WhenGone.Reject)), o => o.WhenGone, (o, v) => o with { WhenGone = v }, "When the client's endpoint cannot be used: another one, or 503 `upstream/sticky-gone`.")
        .Field("max-age", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(400)), o => o.MaxAge, (o, v) => o with { MaxAge = v }, "How long clients keep it; without it until the browser is closed.") // 400 days: RFC 6265bis §5.5
        .Field("forward", Shapes.Flag(), o => o.Forward, (o, v) => o with { Forward = v }, "Whether endpoints see the cookie.");
}
