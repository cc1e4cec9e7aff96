namespace Lakou.Log.Tests.Harness;

/// <summary>Names of a <see cref="SimulatedDisk"/>: as programs see them, those that a loss of power leaves, and the changes between the two.</summary>
internal sealed class SimulatedNames
{
    private readonly List<Change> _changes = [];
    private Tree _seen = new();
    private Tree _durable = new();

    /// <summary>Room that all files take.</summary>
    public long Bytes => _seen.Files.Values.Sum(file => file.Room);

    public SimulatedFile? Find(string path) => _seen.Files.GetValueOrDefault(path);

    public bool HasDirectory(string path) => _seen.Directories.Contains(path);

    public List<string> Files(string directory) => Names(_seen.Files.Keys, directory);

    public List<string> Directories(string directory) => Names(_seen.Directories, directory);

    public SimulatedFile Create(string path)
    {
        if (!HasDirectory(Path.GetDirectoryName(path)!))
        {
            throw new InvalidOperationException($"no directory for {path}");
        }

        var file = new SimulatedFile();
        Do(path, file, static (tree, path, file) => tree.Files[path] = file!);
        return file;
    }

    public void MakeDirectory(string path) => Do(path, null, static (tree, path, _) => tree.Directories.Add(path));

    public void Rename(string from, string to)
    {
        var file = Find(from) ?? throw new InvalidOperationException($"no file {from}");
        Do(to, file, (tree, path, renamed) =>
        {
            tree.Files.Remove(from);
            tree.Files[path] = renamed!;
        });
    }

    public void Delete(string path) => Do(path, null, static (tree, path, _) => tree.Files.Remove(path));

    public void DeleteDirectory(string path) => Do(path, null, static (tree, path, _) => tree.Remove(path));

    /// <summary>Makes durable what changed in a directory.</summary>
    public void Sync(string directory)
    {
        foreach (var change in _changes.Where(change => change.Directory == directory))
        {
            change.Apply(_durable);
        }

        _changes.RemoveAll(change => change.Directory == directory);
    }

    public void LosePower(Random? random)
    {
        foreach (var change in _changes.Where(_ => random?.Next(2) == 0))
        {
            change.Apply(_durable);
        }

        _changes.Clear();
        _durable.RemoveLost();
        foreach (var file in _durable.Files.Values)
        {
            file.LosePower(random);
        }

        _seen = _durable.Copy(file => file);
    }

    public SimulatedNames Copy()
    {
        // The same file in both trees, and in changes, stays the same.
        var copies = new Dictionary<SimulatedFile, SimulatedFile>();
        var copy = new SimulatedNames { _seen = _seen.Copy(CopyOf), _durable = _durable.Copy(CopyOf) };
        copy._changes.AddRange(_changes.Select(change => change with { File = change.File is null ? null : CopyOf(change.File) }));
        return copy;

        SimulatedFile CopyOf(SimulatedFile file)
        {
            if (!copies.TryGetValue(file, out var copy))
            {
                copies[file] = copy = file.Copy();
            }

            return copy;
        }
    }

    private static List<string> Names(IEnumerable<string> paths, string directory)
        => [.. paths.Where(path => Path.GetDirectoryName(path) == directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private void Do(string path, SimulatedFile? file, Action<Tree, string, SimulatedFile?> change)
    {
        change(_seen, path, file);
        _changes.Add(new(path, file, change));
    }

    private sealed record Change(string Path, SimulatedFile? File, Action<Tree, string, SimulatedFile?> Do)
    {
        public string Directory { get; } = System.IO.Path.GetDirectoryName(Path)!;

        public void Apply(Tree tree) => Do(tree, Path, File);
    }

    private sealed class Tree
    {
        public SortedDictionary<string, SimulatedFile> Files { get; } = new(StringComparer.Ordinal);

        public SortedSet<string> Directories { get; } = new(StringComparer.Ordinal) { "/" };

        public void Remove(string directory)
        {
            foreach (var file in Files.Keys.Where(path => IsIn(path, directory)).ToArray())
            {
                Files.Remove(file);
            }

            Directories.RemoveWhere(path => path == directory || IsIn(path, directory));
        }

        /// <summary>What is in a directory that is not there is not there either.</summary>
        public void RemoveLost()
        {
            foreach (var parent in Files.Keys.Concat(Directories.Where(path => path != "/")).Select(path => Path.GetDirectoryName(path)!).Distinct().ToArray())
            {
                if (!Directories.Contains(parent))
                {
                    Remove(parent);
                }
            }
        }

        public Tree Copy(Func<SimulatedFile, SimulatedFile> file)
        {
            var copy = new Tree();
            foreach (var (path, one) in Files)
            {
                copy.Files[path] = file(one);
            }

            copy.Directories.UnionWith(Directories);
            return copy;
        }

        private static bool IsIn(string path, string directory) => path.StartsWith(directory + "/", StringComparison.Ordinal);
    }
}
