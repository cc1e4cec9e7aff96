using Lakou.Core.Metrics;

namespace Lakou.Core.Tests.Metrics;

public sealed class ProcessMetricsTests
{
    private readonly MetricRegistry _registry = new();

    public ProcessMetricsTests() => ProcessMetrics.AddTo(_registry);

    [Theory]
    [InlineData("process_cpu_seconds_total", 0.001, 1e6)]
    [InlineData("process_resident_memory_bytes", 1 << 20, 1e12)]
    [InlineData("process_start_time_seconds", 1.6e9, 1e10)]
    [InlineData("dotnet_gc_heap_allocated_bytes_total", 1024, 1e15)]
    [InlineData("dotnet_gc_pause_time_seconds_total", 0, 1e6)]
    [InlineData("dotnet_thread_pool_queue_length", 0, 1e6)]
    [InlineData("dotnet_gc_collections_total{gc_heap_generation=\"gen0\"}", 0, 1e9)]
    public void A_value_is_plausible(string series, double least, double most) =>
        Assert.InRange(Exposition.Value(_registry, series), least, most);

    [Fact]
    public void Open_files_are_counted()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "open files are read from /proc");
        Assert.InRange(Exposition.Value(_registry, "process_open_fds"), 3, Exposition.Value(_registry, "process_max_fds"));
    }

    [Fact]
    public void A_collection_of_every_generation_counts_as_one_of_the_oldest()
    {
        double before = Exposition.Value(_registry, "dotnet_gc_collections_total{gc_heap_generation=\"gen2\"}");
        GC.Collect();
        Assert.True(Exposition.Value(_registry, "dotnet_gc_collections_total{gc_heap_generation=\"gen2\"}") > before);
        Assert.InRange(Exposition.Value(_registry, "dotnet_gc_last_collection_heap_size_bytes"), 1024, 1e12);
    }

    [Theory]
    [InlineData("Max open files            1024                 4096                 files     ", 1024)]
    [InlineData("Max open files            unlimited            unlimited            files     ", double.PositiveInfinity)]
    [InlineData("Max cpu time              unlimited            unlimited            seconds   ", double.PositiveInfinity)]
    public void The_limit_of_open_files_is_the_soft_one(string line, double limit) =>
        Assert.Equal(limit, ProcessMetrics.MaxOpenFiles([line]));
}
