using System.Text.Json.Nodes;
using Lakou.Gateway.Tests.Actions.Compose;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

/// <summary>A request becomes an event, over HTTP/1.1.</summary>
public sealed class EnqueueTests
{
    [Fact]
    public async Task A_POST_is_answered_with_202_and_the_place_of_its_event()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var answer = await world.PostAsync("""{"total":7}""");
        Assert.Equal(202, answer.Status);
        Assert.Equal("""{"topic":"orders","id":"id-0","partition":3,"offset":0}""", answer.Body);
        Assert.Equal("application/json", answer.Field("Content-Type"));
        Assert.Null(answer.Field("Location"));

        var (submission, body) = Assert.Single(world.Intake.Accepted);
        Assert.Equal("""{"total":7}""", body);
        Assert.Equal(("orders", "application/json", null, null, TimeSpan.Zero), (submission.Topic, submission.ContentType, submission.Type, submission.Source, submission.Delay));
        Assert.Empty(submission.Fields);
    }

    [Fact]
    public async Task A_route_gives_what_its_sender_does_not()
    {
        await using var world = await EnqueueWorld.OpenAsync("{ topic: orders, status: 201, in: 10m, type: order.placed, source: /shop }");
        Assert.Equal(201, (await world.PostAsync("7")).Status);
        var (submission, _) = Assert.Single(world.Intake.Accepted);
        Assert.Equal(("order.placed", "/shop", TimeSpan.FromMinutes(10)), (submission.Type, submission.Source, submission.Delay));
    }

    [Fact]
    public async Task A_batch_is_answered_with_a_list()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var answer = await world.PostAsync("[{}]", "Content-Type: application/cloudevents-batch+json\r\n");
        Assert.Equal("""{"topic":"orders","count":1,"events":[{"id":"id-0","partition":3,"offset":0}]}""", answer.Body);
    }

    [Fact]
    public async Task Status_204_has_no_body()
    {
        await using var world = await EnqueueWorld.OpenAsync("{ topic: orders, status: 204 }");
        var client = await world.SendAsync("Content-Length: 1\r\nConnection: close\r\n\r\n7");
        var answer = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 204 ", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    public async Task Methods_with_a_body_make_events(string method)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        Assert.Equal(202, (await world.PostAsync("x", method: method)).Status);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    public async Task Other_methods_do_not(string method)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var answer = await ComposeWorld.ReadAsync(await world.SendAsync("\r\n", method));
        Assert.Equal((405, "POST, PUT, PATCH", "route/method-not-allowed"), (answer.Status, answer.Field("Allow"), answer.Fault));
        Assert.Empty(world.Intake.Accepted);
    }

    [Theory]
    [InlineData("Content-Length: 0\r\n\r\n")]
    [InlineData("\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task An_empty_body_is_an_event_without_data(string rest)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        Assert.Equal(202, (await ComposeWorld.ReadAsync(await world.SendAsync("ce-id: 1\r\n" + rest))).Status);
        var (submission, body) = Assert.Single(world.Intake.Accepted);
        Assert.Equal("", body);
        Assert.Null(submission.ContentType);
    }

    [Fact]
    public async Task Fields_of_the_event_go_along_and_no_others()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        await world.PostAsync("7", "ce-specversion: 1.0\r\nCe-Type: a\r\nCE-ID: caf\u00e9%20\r\nce-x: 1\r\nce-x: 2\r\nCookie: s=1\r\nce-: empty\r\nnice-id: 3\r\n");
        Assert.Equal(
            ["ce-specversion=1.0", "ce-type=a", "ce-id=caf\u00e9%20", "ce-x=1", "ce-x=2"],
            Assert.Single(world.Intake.Accepted).Submission.Fields.Select(field => $"{field.Key.ToLowerInvariant()}={field.Value}"));
    }

    [Fact]
    public async Task The_trace_of_the_request_goes_on_in_the_event()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        await world.PostAsync("7", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\n");
        var (submission, _) = Assert.Single(world.Intake.Accepted);
        Assert.Matches("^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$", submission.Traceparent);
        Assert.DoesNotContain("00f067aa0ba902b7", submission.Traceparent, StringComparison.Ordinal); // ours is the span that sent it
        Assert.Equal("a=1", submission.Tracestate);
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", (string?)(await world.LogAsync())["trace_id"]);
    }

    [Fact]
    public async Task A_request_without_a_trace_begins_one_that_the_log_has_too()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        await world.PostAsync("7");
        var (submission, _) = Assert.Single(world.Intake.Accepted);
        Assert.Equal((string?)(await world.LogAsync())["trace_id"], submission.Traceparent![3..35]);
        Assert.Null(submission.Tracestate);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(200_000)]
    [InlineData(3_000_000)]
    public async Task A_body_arrives_whole_with_a_length_and_in_chunks(int length)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var body = string.Create(length, length, static (text, seed) =>
        {
            var random = new Random(seed);
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = (char)random.Next(256);
            }
        });
        Assert.Equal(202, (await world.PostAsync(body)).Status);
        var chunks = string.Concat(body.Chunk(70_001).Select(chunk => $"{chunk.Length:x}\r\n{new string(chunk)}\r\n"));
        Assert.Equal(202, (await ComposeWorld.ReadAsync(await world.SendAsync($"Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"))).Status);
        Assert.Equal([true, true], world.Intake.Accepted.Select(accepted => accepted.Body == body));
        Assert.Equal(length, (long?)(await world.LogAsync(2))["bytes_in"]);
    }

    [Fact]
    public async Task Who_expects_100_gets_it_before_its_body_is_awaited()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.SendAsync("Content-Length: 1\r\nExpect: 100-continue\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync("7");
        Assert.Equal(202, (await ComposeWorld.ReadAsync(client)).Status);
    }

    [Fact]
    public async Task A_connection_makes_one_event_after_the_other_in_order()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.ClientAsync();
        for (var i = 0; i < 50; i++)
        {
            await client.SendAsync($"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: {i.ToString().Length}\r\n\r\n{i}");
            var answer = await ComposeWorld.ReadAsync(client);
            Assert.Equal(i, (int)JsonNode.Parse(answer.Body)!["offset"]!);
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(i => i.ToString()), world.Intake.Accepted.Select(accepted => accepted.Body));
    }

    [Fact]
    public async Task Filters_of_the_route_apply()
    {
        await using var world = await EnqueueWorld.OpenAsync(route: "filters: { request-id: {}, body-limit: 5B, headers: { request: { set: { ce-tenant: acme } }, response: { set: { X-A: b } } } }");
        var answer = await world.PostAsync("12345");
        Assert.Equal((202, "b"), (answer.Status, answer.Field("X-A")));
        Assert.NotNull(answer.Field("X-Request-Id"));
        Assert.Equal("acme", Assert.Single(Assert.Single(world.Intake.Accepted).Submission.Fields).Value);
        Assert.Equal((413, "http/body-too-large"), await world.PostAsync("123456") is var large ? (large.Status, large.Fault) : default);
        Assert.Single(world.Intake.Accepted);
    }

    [Fact]
    public async Task The_access_log_says_where_the_request_went()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        world.Intake.Work = _ =>
        {
            world.Time.Advance(TimeSpan.FromMilliseconds(7));
            return Task.CompletedTask;
        };
        var answer = await world.PostAsync("7");
        var line = await world.LogAsync();
        Assert.Equal(7, (double?)line["first_byte_ms"]);
        Assert.Equal(("enqueue orders", "events", 202), ((string?)line["upstream"], (string?)line["route"], (int?)line["status"]));
        Assert.Equal((1, answer.Body.Length), ((int?)line["bytes_in"], (int?)line["bytes_out"]));
        Assert.Null(line["fault"]);
    }
}
