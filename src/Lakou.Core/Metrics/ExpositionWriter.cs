using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Lakou.Core.Metrics;

/// <summary>
/// Lines of the Prometheus text exposition format 0.0.4:
/// <code>
/// # HELP name text            backslash and newline escaped
/// # TYPE name counter|gauge|histogram
/// name{label="value"} 12.5    backslash, newline and double quote escaped
/// </code>
/// </summary>
internal readonly struct ExpositionWriter(IBufferWriter<byte> output)
{
    // The longest double or long in the shortest round-trip form has 24 characters.
    private const int LongestNumber = 32;

    public static byte[] LabelText(ReadOnlySpan<string> names, ReadOnlySpan<string> values)
    {
        var text = new StringBuilder();
        for (int i = 0; i < names.Length; i++)
        {
            string escaped = values[i]
                .Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal);
            text.Append(i == 0 ? "" : ",").Append(names[i]).Append("=\"").Append(escaped).Append('"');
        }

        // Half a surrogate pair becomes U+FFFD here: what is written is always UTF-8.
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public void Header(byte[] name, string help, MetricKind kind)
    {
        Raw("# HELP "u8);
        Raw(name);
        Raw(" "u8);
        string escaped = help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        Encoding.UTF8.GetBytes(escaped, output);
        Raw("\n# TYPE "u8);
        Raw(name);
        Raw(kind switch
        {
            MetricKind.Counter => " counter\n"u8,
            MetricKind.Gauge => " gauge\n"u8,
            _ => " histogram\n"u8,
        });
    }

    public void Sample(byte[] name, byte[] labels, double value) => Sample(name, [], labels, value);

    public void Sample(byte[] name, ReadOnlySpan<byte> suffix, byte[] labels, double value)
    {
        Raw(name);
        Raw(suffix);
        if (labels.Length > 0)
        {
            Raw("{"u8);
            Raw(labels);
            Raw("}"u8);
        }

        End(value);
    }

    public void Bucket(byte[] name, byte[] labels, byte[] bound, long value)
    {
        Raw(name);
        Raw("_bucket{"u8);
        if (labels.Length > 0)
        {
            Raw(labels);
            Raw(","u8);
        }

        Raw("le=\""u8);
        Raw(bound);
        Raw("\"}"u8);
        End(value);
    }

    private void End(double value)
    {
        Raw(" "u8);
        if (double.IsFinite(value))
        {
            Utf8Formatter.TryFormat(value, output.GetSpan(LongestNumber), out int written);
            output.Advance(written);
        }
        else
        {
            Raw(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
        }

        Raw("\n"u8);
    }

    private void Raw(ReadOnlySpan<byte> bytes) => output.Write(bytes);
}
