using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Tests.Actions.Compose;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

/// <summary>Whatever goes wrong, nothing is stored that was not sent whole, and the client learns what to do.</summary>
public sealed class EnqueueFailureTests
{
    private const int Max = EnqueueBody.MaxBytes;

    private static readonly FaultCode DiskFull = new("test/disk-full", FaultParty.Disk, 507, "The disk is full", RetryAdvice.Later);

    [Fact]
    public async Task A_fault_of_the_backbone_is_a_problem_document()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        world.Intake.Answer = (_, _) => EventReceipt.Refused(DiskFull.With("/var/lib/lakou has no room.", TimeSpan.FromSeconds(2)));
        var answer = await world.PostAsync("7");
        Assert.Equal((507, "test/disk-full", "2"), (answer.Status, answer.Fault, answer.Field("Retry-After")));
        Assert.Equal("application/problem+json", answer.Field("Content-Type"));
        Assert.DoesNotContain("/var/lib", answer.Body, StringComparison.Ordinal);
        var line = await world.LogAsync();
        Assert.Equal(("test/disk-full", 507, "enqueue orders"), ((string?)line["fault"], (int?)line["status"], (string?)line["upstream"]));

        world.Intake.Answer = static (_, _) => new() { Events = [new("x"u8.ToArray(), 0, 0)] };
        Assert.Equal(202, (await world.PostAsync("7")).Status);
    }

    [Fact]
    public async Task A_backbone_that_breaks_is_our_failure_and_the_gateway_goes_on()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        world.Intake.Work = static _ => Task.FromException(new InvalidOperationException("broken"));
        Assert.Equal((500, "lakou/bug"), await world.PostAsync("7") is var answer ? (answer.Status, answer.Fault) : default);
        world.Intake.Work = static _ => Task.CompletedTask;
        Assert.Equal(202, (await world.PostAsync("7")).Status);
    }

    [Fact]
    public async Task Without_a_backbone_the_answer_is_503()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        world.Gateway.State.Enqueue.Events = null;
        Assert.Equal((503, "enqueue/no-backbone"), await world.PostAsync("7") is var answer ? (answer.Status, answer.Fault) : default);
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_long_is_refused_before_it_is_sent()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.SendAsync($"Content-Length: {Max + 1}\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal((413, "http/body-too-large"), await ComposeWorld.ReadAsync(client) is var answer ? (answer.Status, answer.Fault) : default);
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task A_chunked_body_is_refused_at_the_byte_that_is_too_many()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.SendAsync("Transfer-Encoding: chunked\r\n\r\n");
        var mebibyte = $"100000\r\n{new string('x', 1 << 20)}\r\n";
        for (var sent = 0; sent < Max; sent += 1 << 20)
        {
            await client.SendAsync(mebibyte);
        }

        await client.SendAsync("1\r\nx\r\n"); // and no end
        Assert.Equal((413, "http/body-too-large"), await ComposeWorld.ReadAsync(client) is var answer ? (answer.Status, answer.Fault) : default);
        Assert.Empty(world.Intake.Accepted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_largest_body_is_taken(bool hasLength)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var body = new string('x', Max);
        var client = await world.SendAsync(hasLength ? $"Content-Length: {Max}\r\n\r\n{body}" : $"Transfer-Encoding: chunked\r\n\r\n{Max:x}\r\n{body}\r\n0\r\n\r\n");
        Assert.Equal(202, (await ComposeWorld.ReadAsync(client)).Status);
        Assert.Equal(Max, Assert.Single(world.Intake.Accepted).Body.Length);
    }

    [Fact]
    public async Task A_listener_may_allow_less()
    {
        await using var world = await EnqueueWorld.OpenAsync(listener: "limits: { body: 5B }");
        Assert.Equal(413, (await world.PostAsync("123456")).Status);
        Assert.Equal(202, (await world.PostAsync("12345")).Status);
    }

    [Theory]
    [InlineData("gzip", 415)]
    [InlineData("identity", 202)]
    public async Task A_compressed_body_is_refused(string encoding, int status)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        Assert.Equal(status, (await world.PostAsync("7", $"Content-Encoding: {encoding}\r\n")).Status);
    }

    [Fact]
    public async Task Large_bodies_wait_for_no_memory_and_small_ones_need_none()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        Assert.True(world.Gateway.State.Enqueue.TryTake(256 << 20));
        var answer = await world.PostAsync(new string('x', 100_000));
        Assert.Equal((503, "enqueue/no-room", "1"), (answer.Status, answer.Fault, answer.Field("Retry-After")));
        Assert.Equal(202, (await world.PostAsync(new string('x', 60_000))).Status);
        world.Gateway.State.Enqueue.Give(256 << 20);
        Assert.Equal(202, (await world.PostAsync(new string('x', 100_000))).Status);
    }

    [Theory]
    [InlineData("Content-Length: 10\r\n\r\nhalf", false)]
    [InlineData("Content-Length: 10\r\n\r\nhalf", true)]
    [InlineData("Content-Length: 100000\r\n\r\nhalf", true)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", false)]
    public async Task A_client_that_leaves_in_the_middle_has_sent_nothing(string rest, bool resets)
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.SendAsync(rest);
        await world.Gateway.HasConnectionsAsync(1);
        if (resets)
        {
            client.Reset();
        }
        else
        {
            client.ShutdownSend();
        }

        Assert.Contains((string?)(await world.LogAsync())["fault"], new[] { "http/body-truncated", "client/gone" });
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task A_body_that_is_no_body_is_refused()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var client = await world.SendAsync("Transfer-Encoding: chunked\r\n\r\n4\r\nhalfx");
        Assert.Equal(400, (await ComposeWorld.ReadAsync(client)).Status);
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task A_client_that_leaves_after_its_body_has_its_event()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Intake.Work = _ => go.Task;
        var client = await world.SendAsync("Content-Length: 4\r\n\r\nhere");
        await world.Intake.ArrivedAsync();
        client.Reset();
        await world.Gateway.HasConnectionsAsync(1);
        go.SetResult();
        await world.Gateway.LogAsync(1);
        Assert.Equal("here", Assert.Single(world.Intake.Accepted).Body);
    }

    [Fact]
    public async Task The_time_of_the_route_bounds_the_wait_for_the_body()
    {
        await using var world = await EnqueueWorld.OpenAsync(route: "filters: { timeout: 2s }");
        var client = await world.SendAsync("Content-Length: 10\r\nExpect: 100-continue\r\n\r\n");
        await client.ReadHeadAsync(); // so it is being read
        await client.SendAsync("half");
        var answer = ComposeWorld.ReadAsync(client);
        world.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((504, "upstream/total-timeout"), ((await answer).Status, (await answer).Fault));
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task The_time_of_the_route_bounds_the_wait_for_the_disk()
    {
        await using var world = await EnqueueWorld.OpenAsync(route: "filters: { timeout: 2s }");
        world.Intake.Work = static end => Task.Delay(Timeout.InfiniteTimeSpan, end);
        var answer = world.PostAsync("7");
        await world.Intake.ArrivedAsync();
        world.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((504, "upstream/total-timeout"), ((await answer).Status, (await answer).Fault));
        world.Intake.Work = static _ => Task.CompletedTask;
        Assert.Equal(202, (await world.PostAsync("7")).Status);
    }
}
