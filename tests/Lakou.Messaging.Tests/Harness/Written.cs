using Lakou.Core.Configuration;

namespace Lakou.Messaging.Tests.Harness;

/// <summary>The backbone's part of a file, from its text.</summary>
internal static class Written
{
    private static readonly Shape<BackboneOptions> Root =
        BackboneOptions.AddTo(Shapes.Object("test", "The backbone's part of the file.", () => new BackboneOptions()), o => o, (_, v) => v);

    public static BackbonePlan Plan(string yaml, string directory = "/etc/lakou")
    {
        var (plan, problems) = Read(yaml, directory);
        Assert.Empty(problems);
        return plan;
    }

    /// <summary>What is wrong, each as <c>path: message</c>.</summary>
    public static string[] Problems(string yaml) => [.. Read(yaml, "/").Problems.Select(problem => $"{problem.Path}: {problem.Message}")];

    private static (BackbonePlan Plan, IReadOnlyList<Problem> Problems) Read(string yaml, string directory)
    {
        var problems = new Problems();
        var document = ConfigDocument.Parse("lakou.yaml", yaml, ReferenceSource.None, problems);
        var plan = document.Root is not null && Root.ReadUsable(document.Root, problems, out var options)
            ? BackbonePlan.Build(options, document, directory, problems)
            : BackbonePlan.Empty;
        return (plan, problems.All);
    }
}
