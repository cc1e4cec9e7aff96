using Lakou.Core.Configuration;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Actions.Compose;

/// <param name="Name">Its key in the file.</param>
/// <param name="Upstream">Who is asked.</param>
/// <param name="Path">For what.</param>
/// <param name="At">The members down to its answer.</param>
/// <param name="IsOptional">Whether the answer goes out without it.</param>
/// <param name="Timeout">From the start.</param>
/// <param name="Size">Most bytes.</param>
/// <param name="Headers">Names of the client's fields that go along.</param>
internal sealed record PartPlan(
    string Name, string Upstream, PathTemplate Path, IReadOnlyList<string> At, bool IsOptional, TimeSpan Timeout, long Size, IReadOnlyList<string> Headers);

/// <summary>A composed answer, checked and immutable; the parts are in the order in which they stand in it.</summary>
internal sealed record ComposePlan(TimeSpan Timeout, long Size, IReadOnlyList<PartPlan> Parts, AnswerFrame Frame)
{
    public static ComposePlan Build(ComposeOptions options, RoutePattern pattern, string route, Problems problems)
    {
        foreach (var method in pattern.Methods.Where(method => method is not ("GET" or "HEAD")))
        {
            problems.Add($"{route}.match.methods", $"'compose' answers GET and HEAD; drop '{method}', or give it a route of its own");
        }

        var parts = options.Parts.Select(pair => Build(pair.Key, pair.Value, options, pattern, $"{route}.compose.parts.{pair.Key}", problems)).ToArray();
        var frame = AnswerFrame.Build(parts, (part, other) => problems.Add(
            $"{route}.compose.parts.{part.Name}{(options.Parts[part.Name].At is null ? "" : ".at")}",
            $"the answer of part '{other.Name}' is at '{string.Join('.', other.At)}'; give each part a place of its own"));
        return new(options.Timeout, options.Size, frame.Parts, frame);
    }

    private static PartPlan Build(string name, PartOptions part, ComposeOptions all, RoutePattern pattern, string at, Problems problems)
    {
        if (PathNormaliser.HasRemovableSegments(PartTarget.PathOf(part.Path), mergeSlashes: false))
        {
            problems.Add($"{at}.path", "a path that is asked for has no '.' and '..' in it; write the path that is meant");
        }

        return new(
            name,
            part.To,
            PathTemplate.Parse(part.Path, pattern, $"{at}.path", problems),
            part.At?.Split('.') ?? [name],
            part.Optional,
            part.Timeout ?? all.Timeout,
            part.Size ?? all.Size,
            part.Headers ?? all.Headers);
    }
}
