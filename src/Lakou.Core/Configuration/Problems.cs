namespace Lakou.Core.Configuration;

/// <summary>Collects what is wrong with a configuration; nothing stops at the first problem. Not thread-safe.</summary>
public sealed class Problems
{
    /// <summary>As many as anyone reads; a file that is wrong everywhere must not cost memory without end.</summary>
    public const int Limit = 1000;

    private readonly HashSet<Problem> seen = [];
    private readonly List<Problem> kept = [];

    public Problems()
    {
    }

    /// <param name="document">Parsed before: where paths of later problems are looked up.</param>
    public Problems(ConfigDocument document) => Document = document;

    /// <summary>The first document parsed into these problems: where <see cref="Add(string, string)"/> looks for paths.</summary>
    internal ConfigDocument? Document { get; set; }

    /// <summary>How often something was added, repetitions included: tells whether a step found anything.</summary>
    internal long Added { get; private set; }

    public bool Any => Added > 0;

    /// <summary>How many distinct problems were found beyond <see cref="Limit"/>, and dropped.</summary>
    public int Dropped { get; private set; }

    /// <summary>Without repetitions, ordered by line and column; several files in the order in which they were first mentioned.</summary>
    public IReadOnlyList<Problem> All =>
        [.. kept.GroupBy(p => p.File, StringComparer.Ordinal).SelectMany(file => file.OrderBy(p => p.Line).ThenBy(p => p.Column))];

    public void Add(Problem problem)
    {
        Added++;
        if (seen.Contains(problem))
        {
            return;
        }

        if (kept.Count == Limit)
        {
            Dropped++;
            return;
        }

        seen.Add(problem);
        kept.Add(problem);
    }

    public void Add(ConfigNode at, string message) => Add(new Problem(at.File, at.Line, at.Column, at.Path, message));

    /// <summary>Adds a problem at a path that may not be written: its place is that of the deepest node above it that is.</summary>
    public void Add(string path, string message)
    {
        var nearest = Document?.FindNearest(path);
        Add(new Problem(nearest?.File ?? Document?.FileName ?? "", nearest?.Line ?? 0, nearest?.Column ?? 0, path, message));
    }
}
