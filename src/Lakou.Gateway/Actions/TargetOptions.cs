using Lakou.Core.Configuration;

namespace Lakou.Gateway.Actions;

internal sealed record TargetOptions
{
    public string Upstream { get; init; } = "";

    public int Weight { get; init; } = 1;

    private static readonly Shape<string> Name = Shapes.Text(1, 63);

    private static readonly Shape<TargetOptions> One = Shapes.Object("target", "An upstream with its share.", () => new TargetOptions())
        .Required("upstream", Name, o => o.Upstream, (o, v) => o with { Upstream = v }, "The upstream's name.")
        .Field("weight", Shapes.Integer(0, 1_000_000), o => o.Weight, (o, v) => o with { Weight = v }, "Share of the requests relative to the other targets; 0 for none.");

    public static Shape<IReadOnlyList<TargetOptions>> Shape { get; } = Shapes.List(One, min: 1)
        .Or(Name, name => [new TargetOptions { Upstream = name }]);
}
