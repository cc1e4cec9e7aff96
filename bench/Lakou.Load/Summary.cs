namespace Lakou.Load;

/// <summary>What a run found. Errors by kind, as wrk names them.</summary>
internal sealed class Summary
{
    // Fields, because some are counted by several threads (Interlocked).
    public long Requests;
    public int Connect;
    public int Read;
    public int Write;
    public int Status;
    public int Timeout;

    /// <summary>Requests that were due and have no answer.</summary>
    public long Unanswered;

    public TimeSpan Elapsed;

    /// <summary>Processor time that the load generator itself used.</summary>
    public TimeSpan Cpu;

    public readonly Latencies Latencies = new();

    /// <summary>How late requests were sent although a connection was free: the load generator's own delay.</summary>
    public readonly Latencies Lags = new();

    public override string ToString()
        => $$"""
            SUMMARY {"requests":{{Requests}},"seconds":{{Elapsed.TotalSeconds:F6}},"cpu":{{Cpu.TotalSeconds:F3}},"p50":{{Latencies.Percentile(0.5)}},"p99":{{Latencies.Percentile(0.99)}},"lag99":{{Lags.Percentile(0.99)}},"unanswered":{{Unanswered}},"connect":{{Connect}},"read":{{Read}},"write":{{Write}},"status":{{Status}},"timeout":{{Timeout}}}
            """;
}
