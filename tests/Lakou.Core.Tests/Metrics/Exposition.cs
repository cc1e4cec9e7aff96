using System.Buffers;
using System.Text;
using Lakou.Core.Metrics;

namespace Lakou.Core.Tests.Metrics;

internal static class Exposition
{
    public static ReadOnlyMemory<byte> Bytes(MetricRegistry registry)
    {
        var output = new ArrayBufferWriter<byte>();
        registry.Write(output);
        return output.WrittenMemory;
    }

    public static string Text(MetricRegistry registry) => Encoding.UTF8.GetString(Bytes(registry).Span);

    /// <summary>The value of one series, written as it is in the text: <c>requests_total{route="a"}</c>.</summary>
    public static double Value(MetricRegistry registry, string series) =>
        double.Parse(Text(registry).Split('\n').Single(line => line.StartsWith(series + " ", StringComparison.Ordinal))[(series.Length + 1)..]);
}
