using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Core.Metrics;

namespace Lakou.Core.Tests.Metrics;

public sealed class ExpositionTests
{
    private readonly MetricRegistry _registry = new();

    [Fact]
    public void A_family_is_written_with_its_help_and_type_first()
    {
        _registry.CounterFamily("requests_total", "Requests\nwith a \\", ["route"]).With("a").Add(2);
        _registry.Gauge("ratio", "Ratio").Set(0.25);

        Assert.Equal(
            """
            # HELP requests_total Requests\nwith a \\
            # TYPE requests_total counter
            requests_total{route="a"} 2
            # HELP ratio Ratio
            # TYPE ratio gauge
            ratio 0.25

            """,
            Exposition.Text(_registry));
    }

    [Fact]
    public void A_histogram_is_written_with_cumulated_buckets()
    {
        _registry.HistogramFamily("wait_seconds", "Wait", ["route"], new HistogramBuckets(0.5, 1)).With("a").Observe(0.75);

        Assert.Equal(
            """
            # HELP wait_seconds Wait
            # TYPE wait_seconds histogram
            wait_seconds_bucket{route="a",le="0.5"} 0
            wait_seconds_bucket{route="a",le="1"} 1
            wait_seconds_bucket{route="a",le="+Inf"} 1
            wait_seconds_sum{route="a"} 0.75
            wait_seconds_count{route="a"} 1

            """,
            Exposition.Text(_registry));
    }

    [Fact]
    public void A_family_without_children_is_left_out()
    {
        _registry.CounterFamily("requests_total", "Requests", ["route"]);
        Assert.Equal("", Exposition.Text(_registry));
    }

    [Theory]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(-0.5, "-0.5")]
    [InlineData(1e300, "1E+300")]
    [InlineData(double.Epsilon, "5E-324")]
    [InlineData(-1.2345678901234568e-300, "-1.2345678901234568E-300")]
    public void Numbers_are_written_as_Go_reads_them(double value, string text)
    {
        _registry.Gauge("ratio", "Ratio").Set(value);
        Assert.EndsWith($"\nratio {text}\n", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_label_value_comes_back_from_the_text_and_never_breaks_its_line() =>
        Prop.ForAll<string>(ArbMap.Default.ArbFor<string>().Filter(value => value is not null), value =>
        {
            var registry = new MetricRegistry();
            registry.CounterFamily("requests_total", "Requests", ["route"]).With(value).Increment();

            string[] lines = Exposition.Text(registry).Split('\n');
            Assert.Equal(4, lines.Length);
            const string Before = "requests_total{route=\"";
            const string After = "\"} 1";
            Assert.StartsWith(Before, lines[2], StringComparison.Ordinal);
            Assert.EndsWith(After, lines[2], StringComparison.Ordinal);
            string expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value));
            Assert.Equal(expected, Unescape(lines[2][Before.Length..^After.Length]));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Promtool_accepts_every_kind_with_awkward_labels_and_the_process_metrics()
    {
        _registry.CounterFamily("requests_total", "Requests with \\ and \n in the help", ["route"]).With("quote \" backslash \\ line \n end \ud800").Increment();
        _registry.GaugeFamily("temperature_celsius", "Temperature", ["place"]).With("Pòtoprens").Set(31.5);
        _registry.LevelFamily("in_flight", "In flight", []).With().Increment();
        _registry.HistogramFamily("wait_seconds", "Wait", ["route"], HistogramBuckets.Seconds).With("a").Observe(TimeSpan.FromMilliseconds(3));
        ProcessMetrics.AddTo(_registry);

        await Promtool.Accepts(Exposition.Bytes(_registry));
    }

    private static string Unescape(string text)
    {
        var plain = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            Assert.NotEqual('"', text[i]);
            plain.Append(text[i] != '\\' ? text[i] : text[++i] == 'n' ? '\n' : text[i]);
        }

        return plain.ToString();
    }
}
