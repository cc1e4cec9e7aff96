namespace Lakou.Core.Configuration;

/// <summary>What a reference stands for, or why it cannot be had.</summary>
/// <param name="Why">A few words for people, such as <c>no such file</c>; holds nothing of the content.</param>
public readonly record struct Referenced(string? Text, string? Why = null);

/// <summary>Where <c>${env:NAME}</c> and <c>${file:PATH}</c> come from.</summary>
/// <param name="Environment">The variable's value; null when it is not set.</param>
/// <param name="File">The text of the file at an absolute path.</param>
public sealed record ReferenceSource(Func<string, string?> Environment, Func<string, Referenced> File)
{
    /// <summary>A secret or a certificate; larger files are mistakes.</summary>
    public const int LargestFile = 1024 * 1024;

    /// <summary>The environment and the files of this process.</summary>
    public static ReferenceSource System { get; } = new(
        global::System.Environment.GetEnvironmentVariable,
        path => TextFile.TryRead(path, LargestFile, out var bytes, out var why) ? TextFile.Decode(bytes) : new(null, why));

    /// <summary>Nothing is set and no file exists.</summary>
    public static ReferenceSource None { get; } = new(_ => null, _ => new(null, "no such file"));
}
