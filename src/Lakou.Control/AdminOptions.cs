using Lakou.Core.Configuration;

namespace Lakou.Control;

internal sealed record AdminOptions
{
    public string Address { get; init; } = "127.0.0.1:9900";

    public string? Token { get; init; }

    public static Shape<AdminOptions> Shape { get; } = Shapes.Object("admin", "The listener for operators: health, metrics, the configuration that runs.", () => new AdminOptions())
        .Field("address", Shapes.Text(2, 256), o => o.Address, (o, v) => o with { Address = v }, "`127.0.0.1:9900`, `[::1]:9900` or `unix:/path`. Beyond this machine it needs a token. Port 0 takes a free one.")
        .Field("token", Shapes.Text(16, 1024, "^[!-~]+$", "characters that a header may hold, without spaces").Secret(), o => o.Token, (o, v) => o with { Token = v }, "Asked for as `Authorization: Bearer …` by everything but `/healthz` and `/readyz`. Best as `${env:…}` or `${file:…}`.");
}
