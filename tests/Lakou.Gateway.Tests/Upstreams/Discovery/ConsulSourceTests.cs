using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Discovery.Consul;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class ConsulSourceTests
{
    private const string One = """[{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"10.0.0.1","Port":8080,"Weights":{"Passing":3,"Warning":1}}}]""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Instances_become_endpoints_with_their_weights()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, """
            [{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"","Port":8080,"Weights":{"Passing":0}}},
             {"Node":{"Address":"10.0.0.9"},"Service":{"Address":"10.0.0.1","Port":8081,"Weights":{"Passing":70000}}},
             {"Node":{"Address":"fd00::1"},"Service":{"Port":8080}},
             {"Service":{"Address":"orders.test","Port":8080}},
             {"Node":{"Address":"10.0.0.9"},"Service":{"Port":0}},
             {"Service":{"Address":"evil/path?x","Port":80}}, {"Node":null,"Service":null}, null]
            """, "7");
        await using var source = new ConsulSource(new() { Service = "orders", Address = api.Url, Tag = "v 2", Datacenter = "west", Token = "secret" }, TimeProvider.System);
        Assert.Equal(
            [("http://10.0.0.1:8081", 1000), ("http://10.0.0.9:8080", 1), ("http://[fd00::1]:8080", 1), ("http://orders.test:8080", 1)],
            (await source.NextAsync(Stop)).Select(endpoint => (endpoint.Address.Text, endpoint.Weight)));
        Assert.Equal(["/v1/health/service/orders?passing=true&tag=v 2&dc=west"], api.Requests);
        Assert.Equal(["secret"], api.Tokens);
    }

    [Fact]
    public async Task Each_question_waits_for_what_is_newer_than_the_answer_before()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, One, "7").Then(200, One, "9").Then(200, One, "9");
        Assert.Equal(["", "&index=7&wait=300s", "&index=9&wait=300s"], await AskAsync(api, 3));
    }

    [Theory]
    [InlineData("5")] // gone back: the server was restored, or is another
    [InlineData("0")]
    [InlineData(null)]
    [InlineData("-3")]
    [InlineData("99999999999999999999999")]
    public async Task An_index_that_is_none_or_goes_back_begins_anew(string? index)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, One, "7").Then(200, One, index).Then(200, One, "8");
        Assert.Equal(["", "&index=7&wait=300s", ""], await AskAsync(api, 3));
    }

    [Fact]
    public async Task After_a_failure_the_answer_comes_at_once()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(200, One, "7").Then(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        }).Then(200, One, "7");
        await using var source = Source(api);
        await source.NextAsync(Stop);
        Assert.Equal(DiscoveryFailure.Unreachable, (await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop))).Reason);
        await source.NextAsync(Stop);
        Assert.DoesNotContain("index", api.Requests[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "Permission denied", "denied")]
    [InlineData(429, "", "answer")]
    [InlineData(302, "", "answer")]
    [InlineData(200, "{}", "answer")]
    [InlineData(200, "[", "answer")]
    public async Task An_answer_that_is_none_is_a_failure(int status, string body, string reason)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Then(status, body);
        await using var source = Source(api);
        Assert.Equal(reason, (await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop))).Reason);
    }

    [Fact]
    public async Task An_answer_without_end_is_refused()
    {
        await using var api = await ScriptedApi.StartAsync();
        var block = new byte[1 << 20];
        api.Then(async context =>
        {
            for (var i = 0; i < 64; i++)
            {
                await context.Response.Body.WriteAsync(block);
            }
        });
        await using var source = Source(api);
        Assert.EndsWith("is larger than 16 MiB", (await Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop))).Message, StringComparison.Ordinal);
    }

    private static ConsulSource Source(ScriptedApi api) => new(new() { Service = "orders", Address = api.Url }, TimeProvider.System);

    /// <summary>What follows the service in each question.</summary>
    private static async Task<string[]> AskAsync(ScriptedApi api, int times)
    {
        await using var source = Source(api);
        for (var i = 0; i < times; i++)
        {
            Assert.Equal(("http://10.0.0.1:8080", 3), Assert.Single((await source.NextAsync(Stop)).Select(endpoint => (endpoint.Address.Text, endpoint.Weight))));
        }

        return [.. api.Requests.Select(request => request["/v1/health/service/orders?passing=true".Length..])];
    }
}
