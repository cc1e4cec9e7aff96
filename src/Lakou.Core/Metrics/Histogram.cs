namespace Lakou.Core.Metrics;

/// <summary>How observations spread over fixed buckets.</summary>
public sealed class Histogram : Metric
{
    // A row: the sum as the bits of a double, then a cell for each bucket, +Inf last. Buckets are cumulated when written.
    private const int SumCell = 0;
    private const int FirstBucketCell = 1;

    private readonly HistogramBuckets _buckets;
    private readonly Stripes _cells;

    internal Histogram(byte[] labels, HistogramBuckets buckets)
        : base(labels)
    {
        _buckets = buckets;
        _cells = new Stripes(FirstBucketCell + buckets.Bounds.Length + 1);
    }

    public long Count
    {
        get
        {
            long count = 0;
            for (int bucket = 0; bucket <= _buckets.Bounds.Length; bucket++)
            {
                count += _cells.Sum(FirstBucketCell + bucket);
            }

            return count;
        }
    }

    public double Sum => _cells.SumOfDoubles(SumCell);

    public void Observe(TimeSpan duration) => Observe(duration.TotalSeconds);

    /// <param name="value">In the unit of the buckets; a bound belongs to its bucket (<c>le</c>).</param>
    public void Observe(double value)
    {
        double[] bounds = _buckets.Bounds;
        int bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
        {
            bucket++;
        }

        Span<long> row = _cells.Row();
        Interlocked.Increment(ref row[FirstBucketCell + bucket]);
        AddToSum(ref row[SumCell], value);
    }

    private static void AddToSum(ref long cell, double value)
    {
        long seen = Volatile.Read(ref cell);
        while (true)
        {
            long next = BitConverter.DoubleToInt64Bits(BitConverter.Int64BitsToDouble(seen) + value);
            long before = Interlocked.CompareExchange(ref cell, next, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    internal override void Write(ExpositionWriter output, byte[] name)
    {
        // The count is the last cumulated bucket, never a cell of its own: the two are equal in every scrape.
        long cumulated = 0;
        for (int bucket = 0; bucket <= _buckets.Bounds.Length; bucket++)
        {
            cumulated += _cells.Sum(FirstBucketCell + bucket);
            output.Bucket(name, Labels, _buckets.Texts[bucket], cumulated);
        }

        output.Sample(name, "_sum"u8, Labels, Sum);
        output.Sample(name, "_count"u8, Labels, cumulated);
    }
}
