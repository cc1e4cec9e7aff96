using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Interim answers (RFC 9110 §10.1.1, §15.2).</summary>
public sealed class ContinueTests
{
    private const string Expecting = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

    [Fact]
    public async Task The_client_sends_its_body_when_the_endpoint_says_continue()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync(Expecting);
        Assert.Contains("\r\nExpect: 100-continue\r\n", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await client.ReadHeadAsync());
        await client.SendAsync("body");
        Assert.Equal("body", await endpoint.ReadAsync(4));
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadAsync(2);
        await client.SendAsync("GET /again HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /again ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_final_answer_without_continue_leaves_the_body_unread_and_the_connection_unused()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", request: Expecting);
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 413 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head, StringComparison.Ordinal);
        Assert.Equal("no", await client.ReadToEndAsync());
        await passage.AssertNotReusedAsync();
    }

    [Fact]
    public async Task An_endpoint_that_never_says_continue_gets_the_body_after_a_second()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Expecting);
        var go = client.ReadHeadAsync();
        Assert.InRange(await passage.Time.PassUntilAsync(go, TimeSpan.FromMilliseconds(100)), TimeSpan.FromSeconds(1), TimeSpan.MaxValue);
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await go);
        await client.SendAsync("body");
        Assert.Equal("body", await endpoint.ReadAsync(4));
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_HTTP_1_0_client_expects_nothing()
    {
        await using var passage = await Passage.OpenAsync();
        var (_, endpoint, head) = await passage.SendAsync("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
        Assert.DoesNotContain("Expect", head, StringComparison.Ordinal);
        Assert.Equal("body", await endpoint.ReadAsync(4));
    }

    [Fact]
    public async Task Early_hints_pass_to_an_HTTP_1_1_client_without_the_fields_of_the_hop()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.Matches("^HTTP/1.1 103 [^\r]*\r\nLink: </a.css>\r\n\r\n$", await client.ReadHeadAsync());
        Assert.Matches("^HTTP/1.1 103 [^\r]*\r\nLink: </b.css>\r\n\r\n$", await client.ReadHeadAsync());
        var final = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200 ", final, StringComparison.Ordinal);
        Assert.DoesNotContain("Link", final, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Early_hints_do_not_reach_an_HTTP_1_0_client()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", request: "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_continue_nobody_waits_for_is_swallowed()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }
}
