using System.Text.Json.Nodes;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;
using static Lakou.Gateway.Tests.Actions.Compose.ComposeWorld;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>What a client gets when all is well, or well enough.</summary>
public sealed class ComposeTests
{
    private const string Two = "parts: { order: { to: a, path: '/orders/{id}' }, stock: { to: b, path: '/stock/{id}', optional: true } }";

    [Fact]
    public async Task Parts_stand_in_one_object_byte_for_byte()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("{ \"id\" : 7, \"id\":7e400,\n\"x\":\"\\ud800\" }\n"));
        world.B.Answer(Ok(Bytes(" [\"é\", null]")));
        var answer = await world.GetAsync();
        Assert.Equal(200, answer.Status);
        Assert.Equal("application/json", answer.Field("Content-Type"));
        Assert.Equal("{\"order\":{ \"id\" : 7, \"id\":7e400,\n\"x\":\"\\ud800\" }\n,\"stock\":" + Bytes(" [\"é\", null]") + "}", answer.Body);
        Assert.Null(answer.Field("Lakou-Compose-Missing"));
    }

    [Fact]
    public async Task A_part_may_stand_deeper_beside_others()
    {
        await using var world = await OpenAsync(
            "parts: { one: { to: a, path: /1, at: d.x.one }, two: { to: b, path: /2 }, three: { to: c, path: /3, at: d.three }, four: { to: c, path: /4, at: d.x.Four } }");
        world.A.Answer(Ok("1"));
        world.B.Answer(Ok("2"));
        world.C.Answer(Ok("3"));
        Assert.Equal("""{"d":{"x":{"one":1,"Four":3},"three":3},"two":2}""", (await world.GetAsync()).Body);
    }

    [Fact]
    public async Task Parts_are_asked_side_by_side()
    {
        await using var world = await OpenAsync(Two);
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        var (stock, _) = await world.AskedAsync(world.B);
        await stock.SendAsync(Ok("2"));
        await order.SendAsync(Ok("1"));
        Assert.Equal("""{"order":1,"stock":2}""", (await ReadAsync(client)).Body);
    }

    [Theory]
    [InlineData("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/9\r\nContent-Length: 1\r\n\r\n1")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1x\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n1")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")]
    [InlineData("SMTP ready\r\n\r\n")]
    public async Task An_optional_part_that_fails_is_null_and_named(string stock)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1", "Cache-Control: max-age=60\r\n"));
        world.B.Answer(stock);
        var answer = await world.GetAsync();
        Assert.Equal(200, answer.Status);
        Assert.Equal("""{"order":1,"stock":null}""", answer.Body);
        Assert.Equal("stock", answer.Field("Lakou-Compose-Missing"));
        Assert.Equal("no-store", answer.Field("Cache-Control"));
    }

    [Fact]
    public async Task Nothing_left_is_an_object_of_nulls()
    {
        await using var world = await OpenAsync("parts: { x: { to: a, path: /, optional: true }, y: { to: b, path: /, optional: true } }");
        world.A.Dispose();
        world.B.Answer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        var answer = await world.GetAsync();
        Assert.Equal("""{"x":null,"y":null}""", answer.Body);
        Assert.Equal("x, y", answer.Field("Lakou-Compose-Missing"));
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", "null")]
    [InlineData("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "null")]
    [InlineData("HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\n4", "4")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n5", "5")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\nX: y\r\n\r\n", "[1,2]")]
    [InlineData("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n6", "6")]
    public async Task What_an_endpoint_may_answer_is_more_than_200_with_a_length(string order, string value)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(order);
        world.B.Answer(Ok("2"));
        Assert.Equal($$"""{"order":{{value}},"stock":2}""", (await world.GetAsync()).Body);
    }

    [Fact]
    public async Task An_answer_that_ends_with_its_connection_is_a_part()
    {
        await using var world = await OpenAsync(Two);
        world.A.Serve(async peer =>
        {
            await peer.ReadHeadAsync();
            await peer.SendAsync("HTTP/1.1 200 OK\r\n\r\n[1");
            await peer.SendAsync(",2]");
        });
        world.B.Answer(Ok("2"));
        Assert.Equal("""{"order":[1,2],"stock":2}""", (await world.GetAsync()).Body);
    }

    [Fact]
    public async Task HEAD_is_answered_with_the_fields_of_GET_and_parts_are_got()
    {
        await using var world = await OpenAsync(Two);
        var asked = "";
        world.A.Serve(async peer =>
        {
            asked = await peer.ReadHeadAsync();
            await peer.SendAsync(Ok("1"));
        });
        world.B.Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        var answer = await world.GetAsync(method: "HEAD");
        Assert.Equal(200, answer.Status);
        Assert.Equal("24", answer.Field("Content-Length"));
        Assert.Equal("stock", answer.Field("Lakou-Compose-Missing"));
        Assert.StartsWith("GET /orders/7 HTTP/1.1\r\n", asked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("OPTIONS")]
    [InlineData("DELETE")]
    public async Task Another_method_is_405_and_nobody_is_asked(string method)
    {
        await using var world = await OpenAsync(Two);
        var answer = await world.GetAsync(method: method);
        Assert.Equal(405, answer.Status);
        Assert.Equal("GET, HEAD", answer.Field("Allow"));
        Assert.Equal((0, 0), (world.A.Accepted, world.B.Accepted));
    }

    [Fact]
    public async Task Cookies_of_parts_and_all_other_fields_of_theirs_stay_here()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1", "Set-Cookie: a=b\r\nX-Internal: 1\r\nETag: \"x\"\r\nServer: y\r\n"));
        world.B.Answer(Ok("2", "Set-Cookie: c=d\r\n"));
        var names = (await world.GetAsync()).Head.Split("\r\n")[1..^2].Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]);
        Assert.Equal(["Content-Length", "Content-Type", "Date"], names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_large_answer_reaches_a_slow_client_whole()
    {
        await using var world = await OpenAsync("size: 16MiB, parts: { order: { to: a, path: / }, stock: { to: b, path: / } }");
        var large = "\"" + new string('x', 3_000_000) + "\"";
        world.A.Answer(Ok(large));
        world.B.Answer(Ok(large));
        var client = await world.AskAsync();
        await client.ReadHeadAsync();
        Assert.Equal($$"""{"order":{{large}},"stock":{{large}}}""", await client.ReadAsync((2 * large.Length) + 19));
    }

    [Fact]
    public async Task A_connection_of_the_client_is_asked_again_and_again()
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1"));
        world.B.Answer(Ok("2"));
        var client = await world.ClientAsync();
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync("GET /page/7 HTTP/1.1\r\nHost: example.org\r\n\r\n");
            Assert.Equal("""{"order":1,"stock":2}""", (await ReadAsync(client)).Body);
        }

        Assert.Equal((1, 1), (world.A.Accepted, world.B.Accepted));
    }

    [Fact]
    public async Task A_client_of_HTTP_2_and_a_real_server_see_the_same()
    {
        await using var server = await KestrelUpstream.StartAsync(async context => await context.Response.WriteAsJsonAsync(new { path = context.Request.Path.Value }));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{server.Url}}" ] } }
            routes: { page: { match: { path: "/page/{id}" }, compose: { parts: {
              one: { to: app, path: "/one/{id}" }, two: { to: app, path: "/two/{id}" }, three: { to: app, path: "/three/{id}" } } } } }
            """);
        using var http = new HttpClient { DefaultRequestVersion = new Version(2, 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var answer = await http.GetStringAsync(new Uri(gateway.Uri, $"/page/{i}"), TestContext.Current.CancellationToken);
            Assert.True(JsonNode.DeepEquals(
                JsonNode.Parse($$$"""{"one":{"path":"/one/{{{i}}}"},"two":{"path":"/two/{{{i}}}"},"three":{"path":"/three/{{{i}}}"}}"""), JsonNode.Parse(answer)), answer);
        }));
        using var head = await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, new Uri(gateway.Uri, "/page/1")) { Version = new Version(2, 0) }, TestContext.Current.CancellationToken);
        Assert.Equal(77, head.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData("max-age=60", "max-age=60", "max-age=60")]
    [InlineData("max-age=60", "private, max-age=5", "private, max-age=5")]
    [InlineData("max-age=60", "no-store", "no-store")]
    [InlineData("max-age=60", null, null)]
    [InlineData("private", null, "private")]
    public async Task Caches_are_told_the_strictest(string order, string? stock, string? told)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1", $"Cache-Control: {order}\r\nVary: Accept-Language, Accept-Encoding\r\n"));
        world.B.Answer(Ok("2", stock is null ? "" : $"Cache-Control: {stock}\r\n"));
        var answer = await world.GetAsync();
        Assert.Equal(told, answer.Field("Cache-Control"));
        Assert.Equal("Accept-Language", answer.Field("Vary"));
    }

    [Fact]
    public async Task Filters_of_the_route_come_first()
    {
        await using var world = await OpenAsync(Two, route: "filters: { headers: { request: { set: { Authorization: Basic eDp5 } }, response: { set: { X-Seen: 'yes' } } }, request-id: {} }");
        world.B.Answer(Ok("2"));
        var client = await world.AskAsync(fields: "X-Request-Id: r-1\r\nAuthorization: Bearer x\r\n");
        var (order, head) = await world.AskedAsync(world.A);
        await order.SendAsync(Ok("1"));
        Assert.Contains("\r\nAuthorization: Basic eDp5\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Request-Id: r-1\r\n", head, StringComparison.Ordinal);
        var answer = await ReadAsync(client);
        Assert.Equal("yes", answer.Field("X-Seen"));
        Assert.Equal("r-1", answer.Field("X-Request-Id"));
    }
}
