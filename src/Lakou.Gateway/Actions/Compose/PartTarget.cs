using Lakou.Core.Faults;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>Path and query that a part is asked for.</summary>
internal static class PartTarget
{
    public static string Fill(PartPlan part, in RouteCaptures captures, string host, in RequestTarget target)
        => part.Path.Fill(captures, host, target.EncodedPath, target.Query);

    /// <summary>Captures are encoded, but a dot has no other form: what an expression took out of a segment could make one that climbs.</summary>
    public static Fault? Check(PartPlan part, string filled)
        => PathNormaliser.HasRemovableSegments(PathOf(filled), mergeSlashes: false)
            ? RoutingFaults.BadPath.With($"With it the path of part {part.Name} would hold '.' or '..'.")
            : null;

    public static ReadOnlySpan<char> PathOf(string target) => target.AsSpan(0, target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var end ? end : target.Length);
}
