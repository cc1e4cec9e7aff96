using System.Net.Sockets;
using Lakou.Control.Tests.Admin;
using Lakou.Control.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Tests;

public sealed class StopTests
{
    private const string Slow = """
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { slow: { endpoints: [ "BACKEND" ] } }
        routes: { slow: { match: { path: /slow }, to: slow } }
        admin: { address: "127.0.0.1:0" }
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stop_finishes_what_runs_and_takes_no_more()
    {
        var (arrived, goOn) = (Signal(), Signal());
        await using var backend = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await goOn.Task;
            await context.Response.WriteAsync("done", context.RequestAborted);
        });
        await using var world = await World.StartAsync(Slow.Replace("BACKEND", backend.Address.ToString().TrimEnd('/'), StringComparison.Ordinal));
        var running = world.Client().GetAsync("/slow", Cancel);
        await arrived.Task;
        var endPoint = world.Host.EndPointOf("web");
        var stopping = world.Host.StopAsync(Cancel);
        Assert.Equal("admin/draining", await AdminApiTests.FaultOf(await world.Admin.GetAsync("/readyz", Cancel), 503));
        Assert.Equal(200, (int)(await world.Admin.GetAsync("/healthz", Cancel)).StatusCode);
        Assert.False((await world.Host.ReloadAsync("signal")).Applied);
        goOn.SetResult();
        var response = await running;
        Assert.Equal("done", await response.Content.ReadAsStringAsync(Cancel));
        Assert.True(response.Headers.ConnectionClose);
        await stopping.WaitAsync(World.Patience, TimeProvider.System, Cancel);
        using var late = new TcpClient();
        await Assert.ThrowsAsync<SocketException>(async () => await late.ConnectAsync((System.Net.IPEndPoint)endPoint, Cancel));
        Assert.Contains("\"path\":\"/slow\"", System.Text.Encoding.UTF8.GetString(world.AccessLog.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_outlasts_the_drain_is_cut()
    {
        var arrived = Signal();
        await using var backend = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var world = await World.StartAsync("drain: 100ms\n" + Slow.Replace("BACKEND", backend.Address.ToString().TrimEnd('/'), StringComparison.Ordinal));
        var running = world.Client().GetAsync("/slow", Cancel);
        await arrived.Task;
        await world.Host.StopAsync(Cancel).WaitAsync(World.Patience, TimeProvider.System, Cancel);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => running);
        Assert.Contains(world.Log.All, line => line.Contains("1 connections were cut: they took longer than drain: 100ms", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_second_signal_cuts_the_drain_short()
    {
        var arrived = Signal();
        await using var backend = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var world = await World.StartAsync("drain: 1h\n" + Slow.Replace("BACKEND", backend.Address.ToString().TrimEnd('/'), StringComparison.Ordinal));
        var running = world.Client().GetAsync("/slow", Cancel);
        await arrived.Task;
        using var now = new CancellationTokenSource();
        var stopping = world.Host.StopAsync(now.Token);
        Assert.False(stopping.IsCompleted);
        await now.CancelAsync();
        await stopping.WaitAsync(World.Patience, TimeProvider.System, Cancel);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => running);
    }

    [Fact]
    public async Task An_address_that_is_taken_at_the_start_is_a_problem_with_its_place()
    {
        using var taken = new TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var loaded = ConfigurationLoader.LoadText("lakou.yaml", $"admin: {{ address: \"127.0.0.1:0\" }}\nlisteners: {{ web: {{ address: \"{taken.LocalEndpoint}\" }} }}", "/", Core.Configuration.ReferenceSource.None);
        var thrown = await Assert.ThrowsAsync<ConfigurationException>(() => LakouHost.StartAsync(loaded, new HostSettings { Loggers = new TestLog(), AccessOutput = Stream.Null }));
        Assert.Equal($"lakou.yaml:2:30 listeners.web.address: {taken.LocalEndpoint} is in use.", Assert.Single(thrown.Problems).ToString());
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
