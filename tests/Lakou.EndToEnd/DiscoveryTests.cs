using System.Text.Json.Nodes;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public sealed class DiscoveryTests
{
    [Fact]
    public async Task Processes_that_come_and_go_cost_no_request()
    {
        const int Changes = 6;
        using var folder = new TemporaryFolder();
        var services = new List<RunningLakou>();
        try
        {
            services.Add(await ServiceAsync(folder));
            services.Add(await ServiceAsync(folder));
            Publish(folder, services);
            await using var gateway = await RunningLakou.StartAsync("run", folder.Write("gateway.yaml", """
                listeners: { web: { address: "127.0.0.1:0" } }
                upstreams: { app: { endpoints-from: endpoints.yaml } }
                routes: { all: { match: { path: "/**" }, to: app } }
                admin: { address: "127.0.0.1:0" }
                """));
            using var done = new CancellationTokenSource();
            var clients = Enumerable.Range(0, 4).Select(_ => AskUntilAsync(gateway.Gateway, done.Token)).ToArray();

            // One begins and one leaves the list; who left it before ends as operators end processes.
            for (var i = 0; i < Changes; i++)
            {
                services.Add(await ServiceAsync(folder));
                var listed = services.TakeLast(2).ToArray();
                Publish(folder, listed);
                await KnowsAsync(gateway, listed);
                if (i > 0)
                {
                    await services[i - 1].SignalAsync("TERM");
                    Assert.Equal(0, await services[i - 1].ExitCodeAsync());
                }
            }

            await done.CancelAsync();
            var asked = await Task.WhenAll(clients);
            Assert.Empty(asked.SelectMany(one => one.Failures));
            Assert.True(asked.Sum(one => one.Good) > Changes);
        }
        finally
        {
            foreach (var service in services)
            {
                await service.DisposeAsync();
            }
        }
    }

    private static Task<RunningLakou> ServiceAsync(TemporaryFolder folder) => RunningLakou.StartAsync("run", folder.Write("service.yaml", """
        listeners: { web: { address: "127.0.0.1:0" } }
        routes: { all: { match: { path: "/**" }, respond: { body: here } } }
        admin: { address: "127.0.0.1:0" }
        """));

    private static void Publish(TemporaryFolder folder, IEnumerable<RunningLakou> services)
        => folder.Write("endpoints.yaml", $"endpoints: [ {string.Join(", ", services.Select(Endpoint))} ]");

    private static string Endpoint(RunningLakou service) => $"\"http://{service.Gateway.Authority}\"";

    private static async Task KnowsAsync(RunningLakou gateway, IEnumerable<RunningLakou> services)
    {
        using var admin = new HttpClient { BaseAddress = gateway.Admin };
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var wanted = services.Select(Endpoint).Order(StringComparer.Ordinal).ToArray();
        while (true)
        {
            var state = JsonNode.Parse(await admin.GetStringAsync(new Uri("/v1/upstreams", UriKind.Relative), patience.Token))!;
            if (state["upstreams"]![0]!["endpoints"]!.AsArray().Select(endpoint => $"\"{endpoint!["address"]}\"").Order(StringComparer.Ordinal).SequenceEqual(wanted))
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    private static async Task<(int Good, List<string> Failures)> AskUntilAsync(Uri gateway, CancellationToken done)
    {
        using var client = new HttpClient { BaseAddress = gateway };
        var (good, failures) = (0, new List<string>());
        while (!done.IsCancellationRequested)
        {
            try
            {
                using var content = new StringContent("order");
                using var response = await client.PostAsync(new Uri("/orders", UriKind.Relative), content, CancellationToken.None);
                var answer = $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(CancellationToken.None)}";
                if (answer == "200 here")
                {
                    good++;
                }
                else
                {
                    failures.Add(answer);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                failures.Add(e.Message);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, CancellationToken.None); // other tests want the machine too
        }

        return (good, failures);
    }
}
