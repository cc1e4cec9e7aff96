using Lakou.Core.Configuration;

namespace Lakou.Control;

/// <summary>The configuration that serves, and the last attempt to replace it.</summary>
/// <param name="Loaded">Its file, with a plan.</param>
/// <param name="Version">1 at the start, one more for each change.</param>
/// <param name="AppliedAt">When it began to serve.</param>
/// <param name="File">As the operator named it.</param>
/// <param name="Trigger"><c>start</c>, <c>signal</c>, <c>api</c> or <c>file</c>.</param>
/// <param name="LastReload">Null before the first.</param>
/// <param name="RefusedFingerprint">Of the content whose problems were logged last.</param>
internal sealed record RunningConfiguration(
    LoadResult Loaded, long Version, DateTimeOffset AppliedAt, string? File, string Trigger, LastReload? LastReload, string? RefusedFingerprint)
{
    public LakouPlan Plan => Loaded.Plan!;
}

internal sealed record LastReload(DateTimeOffset At, string Trigger, bool Applied, IReadOnlyList<Problem> Problems);
