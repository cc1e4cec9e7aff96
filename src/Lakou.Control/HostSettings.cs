using Lakou.Core.Configuration;
using Lakou.Core.Disk;
using Microsoft.Extensions.Logging;

namespace Lakou.Control;

/// <summary>What a <see cref="LakouHost"/> gets from outside its configuration.</summary>
internal sealed record HostSettings
{
    /// <summary>The file that is watched and loaded again; null when the configuration came from elsewhere and never changes.</summary>
    public string? File { get; init; }

    public ReferenceSource References { get; init; } = ReferenceSource.System;

    /// <summary>Where the access log goes; null: standard output. Not closed.</summary>
    public Stream? AccessOutput { get; init; }

    /// <summary>Where the store is.</summary>
    public IDisk Disk { get; init; } = SystemDisk.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Null: lines on standard error, at the level that the configuration says.</summary>
    public ILoggerFactory? Loggers { get; init; }

    /// <summary>Whether a change of a file is enough to reload.</summary>
    public bool Watch { get; init; } = true;
}

/// <summary>What became of a reload.</summary>
/// <param name="Applied">The file's content is what runs now; also when it was so before.</param>
/// <param name="Diff">What changed; nothing when not applied.</param>
/// <param name="Problems">Why it was not applied.</param>
internal sealed record ReloadResult(bool Applied, PlanDiff Diff, IReadOnlyList<Problem> Problems);
