using Lakou.Core.Metrics;

namespace Lakou.Core.Tests.Metrics;

public sealed class MetricFamilyTests
{
    private readonly MetricRegistry _registry = new();

    [Fact]
    public void The_same_label_values_give_the_same_child()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route", "status"]);
        Counter first = family.With("orders", "2xx");
        first.Increment();

        Assert.Same(first, family.With("orders", "2xx"));
        Assert.NotSame(first, family.With("orders", "5xx"));
        Assert.NotSame(family.With("ab", "c"), family.With("a", "bc"));
    }

    [Fact]
    public void A_removed_child_is_no_longer_written_and_begins_at_zero_when_it_comes_back()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route"]);
        family.With("a").Add(3);
        family.With("b").Add(4);

        Assert.True(family.Remove("a"));
        Assert.False(family.Remove("a"));
        Assert.DoesNotContain("route=\"a\"", Exposition.Text(_registry), StringComparison.Ordinal);
        family.With("a");
        Assert.Equal(0, Exposition.Value(_registry, "requests_total{route=\"a\"}"));
        Assert.Equal(4, Exposition.Value(_registry, "requests_total{route=\"b\"}"));
    }

    [Fact]
    public void Above_its_bound_a_family_gives_out_one_child_named_other_and_counts_it()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route", "status"], maxChildren: 2);
        Counter known = family.With("a", "2xx");
        family.With("b", "2xx");

        Counter third = family.With("c", "2xx");
        third.Add(5);
        Assert.Same(third, family.With("d", "5xx"));
        Assert.Same(known, family.With("a", "2xx"));
        Assert.Equal(3, family.Count);
        Assert.Equal(5, Exposition.Value(_registry, "requests_total{route=\"other\",status=\"other\"}"));
        Assert.Equal(2, Exposition.Value(_registry, "lakou_metric_children_overflowed_total{metric=\"requests_total\"}"));
    }

    [Fact]
    public void A_place_freed_by_removal_is_given_to_the_next()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route"], maxChildren: 1);
        family.With("a");
        family.Remove("a");
        family.With("b").Increment();

        Assert.Equal(1, Exposition.Value(_registry, "requests_total{route=\"b\"}"));
    }

    [Fact]
    public void Children_are_written_in_the_order_of_their_label_values_whatever_the_order_of_asking()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route"]);
        family.With("b");
        family.With("c");
        family.With("a");

        string text = Exposition.Text(_registry);
        Assert.EndsWith("requests_total{route=\"a\"} 0\nrequests_total{route=\"b\"} 0\nrequests_total{route=\"c\"} 0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_number_of_label_values_is_refused()
    {
        MetricFamily<Counter> family = _registry.CounterFamily("requests_total", "Requests", ["route"]);
        Assert.Throws<ArgumentException>(() => family.With());
        Assert.Throws<ArgumentException>(() => family.With("a", "b"));
    }

    [Theory]
    [InlineData("", "route")]
    [InlineData("1st_total", "route")]
    [InlineData("with-dash_total", "route")]
    [InlineData("requests_total", "le")]
    [InlineData("requests_total", "__route")]
    [InlineData("requests_total", "a:b")]
    public void A_name_that_Prometheus_would_refuse_is_refused(string name, string label) =>
        Assert.Throws<InvalidOperationException>(() => _registry.CounterFamily(name, "Help", [label]));

    [Fact]
    public void A_second_family_of_the_same_name_is_refused()
    {
        _registry.Gauge("level", "Level");
        Assert.Throws<InvalidOperationException>(() => _registry.Counter("level", "Level"));
    }

    [Fact]
    public void A_callback_may_ask_its_own_family()
    {
        MetricFamily<Gauge> family = _registry.GaugeFamily("connections", "Connections", ["state"]);
        family.With("idle").Set(2);
        family.With("all").Follow(() => family.With("idle").Value + 1);

        Assert.Equal(3, Exposition.Value(_registry, "connections{state=\"all\"}"));
    }

    [Fact]
    public void The_reference_lists_every_family_in_the_order_of_creation()
    {
        _registry.CounterFamily("z_total", "Last letter", ["route"]);
        _registry.HistogramFamily("a_seconds", "First letter", [], HistogramBuckets.Seconds);

        Assert.Equal(
            [("lakou_metric_children_overflowed_total", MetricKind.Counter), ("z_total", MetricKind.Counter), ("a_seconds", MetricKind.Histogram)],
            _registry.Describe().Select(family => (family.Name, family.Kind)));
    }
}
