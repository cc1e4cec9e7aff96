using Lakou.Control.Tests.Harness;

namespace Lakou.Control.Tests.Admin;

public sealed class AdminGuardTests
{
    private const string Guarded = """
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0", token: correct-horse-battery }
        """;

    [Theory]
    [InlineData("Host", "attacker.example", "admin/foreign-host")]
    [InlineData("Origin", "http://attacker.example", "admin/foreign-site")]
    [InlineData("Origin", "null", "admin/foreign-site")]
    [InlineData("Sec-Fetch-Site", "cross-site", "admin/foreign-site")]
    public async Task A_request_that_a_foreign_page_caused_is_refused(string name, string value, string fault)
    {
        await using var world = await World.StartAsync(World.Hello);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/config/reload");
        request.Headers.Add(name, value);
        Assert.Equal(fault, await AdminApiTests.FaultOf(await world.Admin.SendAsync(request, TestContext.Current.CancellationToken), 403));
    }

    [Theory]
    [InlineData("Host", "localhost:9900")]
    [InlineData("Host", "[::1]:9900")]
    [InlineData("Sec-Fetch-Site", "none")]
    [InlineData("Sec-Fetch-Site", "same-origin")]
    public async Task A_request_from_here_is_answered(string name, string value)
    {
        await using var world = await World.StartAsync(World.Hello);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/config");
        request.Headers.Add(name, value);
        Assert.Equal(200, (int)(await world.Admin.SendAsync(request, TestContext.Current.CancellationToken)).StatusCode);
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData("Bearer wrong-horse-battery", 401)]
    [InlineData("Basic correct-horse-battery", 401)]
    [InlineData("Bearer correct-horse-battery", 200)]
    public async Task A_token_is_asked_for_when_one_is_set(string? authorization, int status)
    {
        await using var world = await World.StartAsync(Guarded);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        var response = await world.Admin.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status == 401 ? "Bearer" : "", response.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    public async Task Health_asks_for_no_token(string path)
    {
        await using var world = await World.StartAsync(Guarded);
        Assert.Equal(200, (int)(await world.Admin.GetAsync(path, TestContext.Current.CancellationToken)).StatusCode);
    }
}
