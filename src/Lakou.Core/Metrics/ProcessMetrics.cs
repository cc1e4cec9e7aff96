using System.Diagnostics;
using System.IO.Enumeration;

namespace Lakou.Core.Metrics;

/// <summary>
/// What every Prometheus client tells of its process, under the names that dashboards expect, and a few of the runtime under the
/// OpenTelemetry names (<c>dotnet.gc.collections</c> and so on) in Prometheus form. All are read when they are written.
/// </summary>
public static class ProcessMetrics
{
    private const string OpenFiles = "/proc/self/fd";
    private const string Limits = "/proc/self/limits";

    public static void AddTo(MetricRegistry registry)
    {
        registry.Counter("process_cpu_seconds_total", "User and system CPU time of the process in seconds")
            .Follow(() => Environment.CpuUsage.TotalTime.TotalSeconds);
        registry.Gauge("process_resident_memory_bytes", "Resident memory of the process")
            .Follow(() => Environment.WorkingSet);
        registry.Gauge("process_start_time_seconds", "Start of the process in seconds since the Unix epoch")
            .Set(StartTime());
        if (Directory.Exists(OpenFiles))
        {
            registry.Gauge("process_open_fds", "Open file descriptors").Follow(CountOpenFiles);
            registry.Gauge("process_max_fds", "Soft limit of open file descriptors").Set(MaxOpenFiles(File.ReadLines(Limits)));
        }

        registry.Gauge("dotnet_gc_last_collection_heap_size_bytes", "Managed heap after the last garbage collection, fragmentation included")
            .Follow(() => GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes);
        registry.Counter("dotnet_gc_heap_allocated_bytes_total", "Bytes allocated on the managed heap")
            .Follow(() => GC.GetTotalAllocatedBytes());
        registry.Counter("dotnet_gc_pause_time_seconds_total", "Time that garbage collection stopped all threads in seconds")
            .Follow(() => GC.GetTotalPauseDuration().TotalSeconds);
        registry.Gauge("dotnet_thread_pool_queue_length", "Work items waiting for a thread")
            .Follow(() => ThreadPool.PendingWorkItemCount);
        MetricFamily<Counter> collections = registry.CounterFamily("dotnet_gc_collections_total", "Garbage collections by the oldest generation collected", ["gc_heap_generation"]);
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            int oldest = generation;

            // The runtime counts a collection for every generation below it too.
            collections.With($"gen{oldest}").Follow(() => GC.CollectionCount(oldest) - (oldest == GC.MaxGeneration ? 0 : GC.CollectionCount(oldest + 1)));
        }
    }

    internal static double MaxOpenFiles(IEnumerable<string> limits)
    {
        const string Row = "Max open files";
        string? line = limits.FirstOrDefault(line => line.StartsWith(Row, StringComparison.Ordinal));
        string? soft = line?[Row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return double.TryParse(soft, out double limit) ? limit : double.PositiveInfinity;
    }

    private static double StartTime()
    {
        using var self = Process.GetCurrentProcess();
        return (self.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
    }

    private static double CountOpenFiles()
    {
        // Counted without a string for each: a gateway may hold 100,000.
        int count = 0;
        foreach (byte _ in new FileSystemEnumerable<byte>(OpenFiles, static (ref FileSystemEntry _) => 0))
        {
            count++;
        }

        return count - 1; // the descriptor of this enumeration
    }
}
