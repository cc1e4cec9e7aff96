using System.Numerics;

namespace Lakou.Core.Metrics;

/// <summary>
/// Rows of counters, one row for each processor that writes, so that cores do not fight over a cache line.
/// <code>
/// | 64 B pad | row 0: cell 0 … cell n-1, pad to 64 B | row 1 … |
/// </code>
/// </summary>
internal readonly struct Stripes
{
    // A cache line of x86-64 and of most arm64 servers.
    private const int LineCells = 64 / sizeof(long);

    // Beyond 8 rows two processors share one: contention is then rare, and 10,000 children stay at a few megabytes.
    private static readonly int s_rows = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, 8));

    private readonly long[] _cells;
    private readonly int _stride;

    public Stripes(int cells)
    {
        _stride = (cells + LineCells - 1) / LineCells * LineCells;
        _cells = new long[LineCells + (_stride * s_rows)];
    }

    /// <summary>The row of the processor this thread runs on; any row is correct, this one is quiet.</summary>
    public Span<long> Row()
    {
        int row = Thread.GetCurrentProcessorId() & (s_rows - 1);
        return _cells.AsSpan(LineCells + (row * _stride), _stride);
    }

    /// <summary>One cell over all rows.</summary>
    public long Sum(int cell)
    {
        long sum = 0;
        for (int i = LineCells + cell; i < _cells.Length; i += _stride)
        {
            sum += Volatile.Read(ref _cells[i]);
        }

        return sum;
    }

    /// <summary>One cell over all rows, its bits read as doubles.</summary>
    public double SumOfDoubles(int cell)
    {
        double sum = 0;
        for (int i = LineCells + cell; i < _cells.Length; i += _stride)
        {
            sum += BitConverter.Int64BitsToDouble(Volatile.Read(ref _cells[i]));
        }

        return sum;
    }
}
