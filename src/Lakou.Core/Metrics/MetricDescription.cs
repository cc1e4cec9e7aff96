namespace Lakou.Core.Metrics;

/// <summary>What a reference page says of a family.</summary>
/// <param name="Name">As written: base units, counters end in <c>_total</c>.</param>
/// <param name="Kind">Counter, gauge or histogram.</param>
/// <param name="Labels">Label names in order, fixed for the life of the family.</param>
/// <param name="Help">One sentence without a full stop.</param>
public sealed record MetricDescription(string Name, MetricKind Kind, string[] Labels, string Help)
{
    internal void Check()
    {
        if (!IsName(Name, colon: true))
        {
            throw new InvalidOperationException($"'{Name}' is no metric name.");
        }

        foreach (string label in Labels)
        {
            // le belongs to histograms, names that start with two underscores to Prometheus itself.
            if (!IsName(label, colon: false) || label is "le" || label.StartsWith("__", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"'{label}' is no label name.");
            }
        }

        if (Labels.Distinct(StringComparer.Ordinal).Count() != Labels.Length)
        {
            throw new InvalidOperationException($"{Name} has a label twice.");
        }
    }

    // Prometheus data model: [a-zA-Z_:][a-zA-Z0-9_:]* for metrics, the same without the colon for labels.
    private static bool IsName(string name, bool colon) =>
        name.Length > 0
        && !char.IsAsciiDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_' || (c == ':' && colon));
}
