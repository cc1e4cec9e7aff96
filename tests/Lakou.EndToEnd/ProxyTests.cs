using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public class ProxyTests
{
    [Fact]
    public async Task Curl_reaches_the_service_over_both_versions_of_http()
    {
        Programs.Need("curl", "curl");
        await using var service = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{service.Address}");
        var url = new Uri(lakou.Gateway, "/any/path?a=b").ToString();

        var one = await Programs.RunAsync("curl", "-sSi", url);
        var two = await Programs.RunAsync("curl", "-sSi", "--http2-prior-knowledge", url);
        var posted = await Programs.RunAsync("curl", "-sS", "--data", "x=y", url);

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", one.Out, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/2 200", two.Out, StringComparison.Ordinal);
        Assert.Contains("x-request-id: ", two.Out, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith("\r\n\r\nGET /any/path?a=b\n", one.Out, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nGET /any/path?a=b\n", two.Out, StringComparison.Ordinal);
        Assert.Equal("POST /any/path?a=b\n", posted.Out);
    }

    [Fact]
    public async Task The_access_log_is_text_unless_said_otherwise()
    {
        await using var service = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{service.Address}");
        using var http = new HttpClient();

        await http.GetStringAsync(new Uri(lakou.Gateway, "/x"), TestContext.Current.CancellationToken);

        await lakou.LineAsync(@"^\S+Z 127\.0\.0\.1 GET \S+ /x HTTP/1\.1 200 .*upstream=service");
    }

    [Fact]
    public async Task Requests_are_spread_over_every_endpoint()
    {
        await using var first = await Service.StartAsync();
        await using var second = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{first.Address}", "--to", $"{second.Address}");
        using var http = new HttpClient();

        // With the less busy of two random ones, 60 requests miss an endpoint once in 2^59 runs.
        for (var i = 0; i < 60; i++)
        {
            await http.GetStringAsync(new Uri(lakou.Gateway, "/x"), TestContext.Current.CancellationToken);
        }

        await lakou.LineAsync($"endpoint={first.Address.ToString().TrimEnd('/')} ");
        await lakou.LineAsync($"endpoint={second.Address.ToString().TrimEnd('/')} ");
    }

    [Theory]
    [InlineData("--h1")]
    [InlineData("--no-tls-proto=h2c")]
    public async Task H2load_loses_no_request(string protocol)
    {
        Programs.Need("h2load", "nghttp2-client");
        await using var service = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{service.Address}", "--access", "off");

        var load = await Programs.RunAsync("h2load", protocol, "-n", "5000", "-c", "20", "-m", protocol == "--h1" ? "1" : "10", new Uri(lakou.Gateway, "/load").ToString());

        Assert.Contains("requests: 5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed, 0 errored, 0 timeout", load.Out, StringComparison.Ordinal);
        Assert.Contains("status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx", load.Out, StringComparison.Ordinal);
    }
}
