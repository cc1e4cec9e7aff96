using System.Xml.Linq;

namespace Lakou.EndToEnd.Repository;

public sealed class ProjectTests
{
    // ARCHITECTURE.md, the map. A project may use those below it and what they use.
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Lakou.Core"] = [],
        ["Lakou.Transport"] = [],
        ["Lakou.Http"] = ["Lakou.Core", "Lakou.Transport"],
        ["Lakou.Gateway"] = ["Lakou.Core", "Lakou.Http", "Lakou.Transport"],
        ["Lakou.Log"] = ["Lakou.Core"],
        ["Lakou.Messaging"] = ["Lakou.Core", "Lakou.Log"],
        ["Lakou.Control"] = ["Lakou.Gateway", "Lakou.Messaging"],
        ["Lakou.Client"] = [],
        ["Lakou"] = ["Lakou.Client", "Lakou.Control"],
    };

    [Fact]
    public void Projects_refer_to_each_other_in_one_direction_only()
    {
        foreach (var project in Projects("src"))
        {
            var name = Path.GetFileNameWithoutExtension(project);
            Assert.True(Allowed.ContainsKey(name), $"{name} has no place in the map of ARCHITECTURE.md.");
            foreach (var reference in References(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)))
            {
                Assert.True(Allowed[name].Contains(reference, StringComparer.Ordinal), $"{name} must not refer to {reference}.");
            }
        }
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Checkout.Root, "Lakou.slnx"));
        foreach (var project in Projects("src").Concat(Projects("tests")).Concat(Projects("bench")))
        {
            Assert.Contains($"\"{Checkout.Relative(project)}\"", solution, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_dependency_says_why_it_is_there()
    {
        var lines = File.ReadAllLines(Path.Combine(Checkout.Root, "Directory.Packages.props"));
        Assert.All(lines.Where(line => line.Contains("<PackageVersion", StringComparison.Ordinal)), line => Assert.Contains("<!-- ", line, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Projects(string folder)
        => Checkout.Files(".csproj").Where(file => Checkout.Relative(file).StartsWith(folder + "/", StringComparison.Ordinal));

    private static IEnumerable<string> References(string project, string element)
        => XDocument.Load(project).Descendants(element).Select(reference => reference.Attribute("Include")!.Value.Replace('\\', '/'));
}
