namespace Lakou.Log.Recovery;

/// <summary>Where a journal goes on.</summary>
/// <param name="Segment">LSN in the name of the file.</param>
/// <param name="Last">Position of its last batch.</param>
/// <param name="End">Behind that, where the next one goes.</param>
/// <param name="TornBytes">Behind that, begun and never committed.</param>
internal readonly record struct JournalTail(ulong Segment, long Last, long End, long TornBytes);
