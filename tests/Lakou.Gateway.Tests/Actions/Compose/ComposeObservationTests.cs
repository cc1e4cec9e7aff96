using System.Diagnostics;
using System.Text.Json.Nodes;
using Lakou.Gateway.Observation;
using static Lakou.Gateway.Tests.Actions.Compose.ComposeWorld;

namespace Lakou.Gateway.Tests.Actions.Compose;

public sealed class ComposeObservationTests
{
    private const string Two = "parts: { order: { to: a, path: '/orders/{id}?secret=1' }, stock: { to: b, path: '/stock', optional: true }, more: { to: a, path: /more } }";

    [Fact]
    public async Task The_access_log_has_the_upstreams_and_all_requests_sent()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1"));
        world.B.Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        var answer = await world.GetAsync();
        var line = JsonNode.Parse((await world.Gateway.LogAsync(1))[0])!;
        Assert.Equal(("a,b", 3, 200, answer.Body.Length), ((string)line["upstream"]!, (int)line["attempts"]!, (int)line["status"]!, (int)line["bytes_out"]!));
        Assert.Null(line["fault"]);
        Assert.Null(line["endpoint"]);
    }

    [Fact]
    public async Task The_endpoint_of_a_required_part_that_failed_is_in_the_access_log()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        world.B.Answer(Ok("2"));
        await world.GetAsync();
        var line = JsonNode.Parse((await world.Gateway.LogAsync(1))[0])!;
        Assert.Equal((world.A.Url, "compose/part-status"), ((string)line["endpoint"]!, (string)line["fault"]!));
        Assert.Matches("^part (order|more): ", (string)line["detail"]!);
    }

    [Fact]
    public async Task Parts_count_on_their_endpoints_and_missing_ones_on_the_route()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1"));
        world.B.Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        await world.GetAsync();
        await world.GetAsync();
        await world.Gateway.LogAsync(2);
        var metrics = world.Gateway.Metrics();
        Assert.Contains($"lakou_upstream_requests_total{{upstream=\"a\",endpoint=\"{world.A.Url}\",status=\"2xx\"}} 4\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"lakou_upstream_requests_total{{upstream=\"b\",endpoint=\"{world.B.Url}\",status=\"5xx\"}} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_requests_total{route=\"page\",status=\"2xx\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_compose_parts_missing_total{route=\"page\",part=\"stock\"} 2\n", metrics, StringComparison.Ordinal);
        await world.Gateway.ApplyAsync("""listeners: { web: { address: "127.0.0.1:0" } }""");
        Assert.DoesNotContain("part=\"stock\"", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_part_is_a_client_span_of_the_requests()
    {
        var version = Guid.NewGuid().ToString();
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServerTelemetry.Name && source.Version == version,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                lock (spans)
                {
                    spans.Add(span);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var world = await OpenAsync(Two, version: version);
        world.A.Answer(Ok("1"));
        world.B.Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        await world.GetAsync(method: "HEAD");
        await world.Gateway.LogAsync(1);
        var server = Assert.Single(spans, span => span.Kind == ActivityKind.Server);
        var parts = spans.Where(span => span.Kind == ActivityKind.Client).ToArray();
        Assert.All(parts, part => Assert.Equal((server.SpanId, "GET"), (part.ParentSpanId, part.DisplayName)));
        Assert.Equal(
            new[] { $"{world.A.Url}/more", $"{world.A.Url}/orders/7", $"{world.B.Url}/stock" }.Order(StringComparer.Ordinal),
            parts.Select(part => (string)part.GetTagItem("url.full")!).Order(StringComparer.Ordinal));
        Assert.Equal("500", Assert.Single(parts, part => part.Status == ActivityStatusCode.Error).GetTagItem("error.type"));
        Assert.All(parts, part => Assert.Null(part.GetTagItem("http.request.resend_count")));
    }
}
