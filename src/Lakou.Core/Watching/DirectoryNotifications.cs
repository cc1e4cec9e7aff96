namespace Lakou.Core.Watching;

/// <summary>Notifications of every directory that has a say in what a path leads to: its own, and those of all links on the way.</summary>
internal sealed class DirectoryNotifications(Action touched, Action<string> warn) : IDisposable
{
    // Linux follows as many before it says ELOOP.
    private const int MostLinks = 40;

    private readonly Dictionary<string, Watcher> _watchers = new(StringComparer.Ordinal);
    private bool _told;

    /// <summary>Follows these files and no others from now on.</summary>
    /// <param name="files">Absolute paths.</param>
    public void Follow(IEnumerable<string> files)
    {
        var wanted = files.SelectMany(Steps)
            .GroupBy(step => step.Directory, step => step.Name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (var (directory, watcher) in _watchers.ToArray())
        {
            // A watcher that broke watches nothing: its directory is gone, or its queue overflowed.
            if (!wanted.ContainsKey(directory) || watcher.IsBroken || watcher.Created != Created(directory))
            {
                watcher.Dispose();
                _watchers.Remove(directory);
            }
        }

        foreach (var (directory, names) in wanted)
        {
            if (_watchers.TryGetValue(directory, out var watcher))
            {
                watcher.Names = names;
            }
            else if (Directory.Exists(directory) && TryWatch(directory, names) is { } added)
            {
                _watchers.Add(directory, added);
            }
        }
    }

    public void Dispose()
    {
        foreach (var watcher in _watchers.Values)
        {
            watcher.Dispose();
        }

        _watchers.Clear();
    }

    /// <summary>Each name on the way to a file whose change would lead elsewhere: every link, and the file itself.</summary>
    internal static IEnumerable<(string Directory, string Name)> Steps(string file)
    {
        var current = "/";
        var rest = new Stack<string>(Parts(file).Reverse());
        var links = 0;
        while (rest.TryPop(out var name))
        {
            if (name == "..")
            {
                current = Path.GetDirectoryName(current) ?? "/";
                continue;
            }

            var next = Path.Combine(current, name);
            if (TargetOf(next) is { } target && links++ < MostLinks)
            {
                yield return (current, name);
                current = target.StartsWith('/') ? "/" : current;
                foreach (var part in Parts(target).Reverse())
                {
                    rest.Push(part);
                }
            }
            else if (rest.Count == 0)
            {
                yield return (current, name);
            }
            else
            {
                current = next;
            }
        }

        static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".");
    }

    private static string? TargetOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Tells a directory from another of the same name that took its place.</summary>
    private static DateTime Created(string directory) => Directory.Exists(directory) ? Directory.GetCreationTimeUtc(directory) : default;

    private Watcher? TryWatch(string directory, HashSet<string> names)
    {
        try
        {
            return new Watcher(directory, names, touched);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            if (!_told)
            {
                _told = true;
                warn($"{directory} gives no notifications ({e.Message}); changes are seen within seconds instead of at once");
            }

            return null;
        }
    }

    private sealed class Watcher : IDisposable
    {
        private readonly FileSystemWatcher _watcher;
        private readonly Action _touched;

        public Watcher(string directory, HashSet<string> names, Action touched)
        {
            Names = names;
            Created = DirectoryNotifications.Created(directory);
            _touched = touched;
            _watcher = new FileSystemWatcher(directory)
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size,
            };
            _watcher.Changed += (_, change) => OnChange(change.Name);
            _watcher.Created += (_, change) => OnChange(change.Name);
            _watcher.Deleted += (_, change) => OnChange(change.Name);
            _watcher.Renamed += (_, change) =>
            {
                OnChange(change.Name);
                OnChange(change.OldName);
            };
            _watcher.Error += (_, _) =>
            {
                IsBroken = true;
                _touched();
            };
            _watcher.EnableRaisingEvents = true;
        }

        public HashSet<string> Names { get; set; }

        public DateTime Created { get; }

        public bool IsBroken { get; private set; }

        public void Dispose() => _watcher.Dispose();

        private void OnChange(string? name)
        {
            if (name is null || Names.Contains(name))
            {
                _touched();
            }
        }
    }
}
