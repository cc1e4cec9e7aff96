using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Files;

/// <summary>A file of <c>endpoints-from</c>: the key <c>endpoints</c> and nothing else.</summary>
internal sealed record EndpointsFile
{
    public IReadOnlyList<EndpointOptions> Endpoints { get; init; } = [];

    public static Shape<EndpointsFile> Shape { get; } = Shapes.Object("endpoints-file", "Endpoints of an upstream, in a file of their own.", () => new EndpointsFile())
        .Required("endpoints", Shapes.List(EndpointOptions.Shape), o => o.Endpoints, (o, v) => o with { Endpoints = v }, "As under an upstream; one or more.");

    /// <summary>Empty when anything is wrong with it.</summary>
    /// <param name="file">Absolute.</param>
    /// <param name="problems">Gets what is wrong, with the place in the file.</param>
    public static IReadOnlyList<EndpointPlan> Read(string file, Problems problems)
    {
        // Of their own: places are looked up in the first document that problems know.
        var own = new Problems();
        var document = ConfigDocument.Load(file, ReferenceSource.None, own);
        var endpoints = document.Root is { } root && Shape.ReadUsable(root, own, out var read) ? EndpointPlan.Build("endpoints", read.Endpoints, own) : [];
        foreach (var problem in own.All)
        {
            problems.Add(problem);
        }

        return own.Any ? [] : endpoints;
    }
}
