using System.Diagnostics;
using Lakou.Core.Disk;
using Lakou.Log;

namespace Lakou.Bench;

/// <summary>
/// What a durable record costs: callers that each append 1 KiB and wait until it is committed, straight to a journal on a real folder. CPU is of the whole process.
/// </summary>
internal static class JournalBench
{
    private const int RecordBytes = 1024;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.7);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(2);

    /// <param name="folder">On the disk to measure; what is made there is deleted.</param>
    /// <param name="modes">To measure.</param>
    public static async Task RunAsync(string folder, SyncMode[] modes)
    {
        foreach (var mode in modes)
        {
            foreach (var callers in (int[])[1, 8, 64, 512])
            {
                await MeasureAsync(Path.Combine(folder, "lakou-journal-bench"), mode, callers);
            }
        }
    }

    private static async Task MeasureAsync(string directory, SyncMode mode, int callers)
    {
        var times = Enumerable.Range(0, callers).Select(_ => new List<double>(1 << 16)).ToArray();
        var syncs = new List<double>(1 << 16);
        double seconds, cpu;
        long commits;
        await using (var journal = Journal.Open(SystemDisk.Instance, new(directory, mode), TimeProvider.System, 1, (_, _) => { }, damage => Console.WriteLine(damage), out _))
        {
            journal.PrepareOnce();
            journal.Start();
            var isMeasured = false;
            var isOver = false;
            journal.Statistics.Synced = took =>
            {
                if (Volatile.Read(ref isMeasured))
                {
                    syncs.Add(took.TotalMicroseconds);
                }
            };
            var calling = Task.WhenAll(times.Select(mine => Task.Run(() => CallAsync(mine))));
            await Task.Delay(WarmUp, TimeProvider.System);
            var (clock, cpuBefore, commitsBefore) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime, journal.Statistics.Commits);
            Volatile.Write(ref isMeasured, true);
            await Task.Delay(Measured, TimeProvider.System);
            (seconds, cpu, commits) = (clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpuBefore).TotalMicroseconds, journal.Statistics.Commits - commitsBefore);
            Volatile.Write(ref isOver, true);
            await calling;

            async Task CallAsync(List<double> mine)
            {
                var record = new byte[RecordBytes];
                while (!Volatile.Read(ref isOver))
                {
                    var isCounted = Volatile.Read(ref isMeasured);
                    var started = Stopwatch.GetTimestamp();
                    await journal.CommittedAsync(journal.Append(record));
                    if (isCounted && !Volatile.Read(ref isOver))
                    {
                        mine.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
                    }
                }
            }
        }

        Directory.Delete(directory, recursive: true);
        var all = times.SelectMany(one => one).Order().ToArray();
        syncs.Sort();
        Console.WriteLine(
            $"{mode,-5} {callers,3} callers: {all.Length / seconds,8:N0}/s, p50 {all[all.Length / 2],6:N0} µs, p99 {all[all.Length * 99 / 100],6:N0} µs, "
            + $"{commits / seconds,6:N0} commits/s of {(syncs.Count == 0 ? 0 : syncs[syncs.Count / 2]),5:N0} µs, {cpu / all.Length,5:N1} µs CPU a record");
    }
}
