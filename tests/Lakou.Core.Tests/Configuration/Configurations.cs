using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

/// <summary>Parses and reads texts the way a loader would, with references that tests choose.</summary>
internal static class Configurations
{
    public static ReferenceSource References(Dictionary<string, string>? environment = null, Dictionary<string, string>? files = null) => new(
        name => environment?.GetValueOrDefault(name),
        path => files?.GetValueOrDefault(path) is { } text ? new(text) : new(null, "no such file"));

    public static (ConfigDocument Document, Problems Problems) Parse(string text, ReferenceSource? references = null)
    {
        var problems = new Problems();
        return (ConfigDocument.Parse("lakou.yaml", text, references ?? ReferenceSource.None, problems), problems);
    }

    public static string[] ProblemsOf(string text, ReferenceSource? references = null) => Texts(Parse(text, references).Problems);

    /// <summary>The problems of reading a whole text as one shape.</summary>
    public static string[] ProblemsOf<T>(Shape<T> shape, string text, ReferenceSource? references = null)
    {
        var (document, problems) = Parse(text, references);
        Assert.Equal(shape.TryRead(document.Root!, problems, out _), !problems.Any);
        return Texts(problems);
    }

    /// <summary>The only problem of a single value, without its place.</summary>
    public static string Refusal<T>(Shape<T> shape, string value, ReferenceSource? references = null)
    {
        var problem = Assert.Single(ProblemsOf(Shapes.Map(shape), $"x: {value}", references));
        Assert.StartsWith("lakou.yaml:1:", problem, StringComparison.Ordinal);
        return problem[(problem.IndexOf(' ', StringComparison.Ordinal) + 1)..];
    }

    public static T Read<T>(Shape<T> shape, string value, ReferenceSource? references = null)
    {
        var (document, problems) = Parse($"x: {value}", references);
        var isRead = Shapes.Map(shape).TryRead(document.Root!, problems, out var map);
        Assert.Empty(Texts(problems));
        Assert.True(isRead);
        return map!["x"];
    }

    private static string[] Texts(Problems problems) => [.. problems.All.Select(problem => problem.ToString())];
}
