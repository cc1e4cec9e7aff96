using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Lakou.Control;
using Lakou.Core.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.EndToEnd.Soak;

/// <summary>
/// Endpoints die and come back, the file is rewritten every second, clients go on. Every request ends in the right answer or in a
/// fault that the dying endpoints explain; what goes to the endpoint that lives never fails.
/// </summary>
public sealed class SoakTests
{
    private const int Seconds = 12;
    private const int RequestsMax = 50_000; // a bound, so that a fast machine ends too

    private static readonly string[] Explained = ["upstream/connect-failed", "upstream/closed", "upstream/truncated"];

    [Fact]
    public async Task Nothing_is_lost_while_endpoints_die_and_the_file_changes()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-soak");
        await using var steady = new MortalService();
        await using var mortal = new MortalService();
        await using var other = new MortalService();
        await Task.WhenAll(steady.StartAsync(), mortal.StartAsync(), other.StartAsync());
        var file = Path.Combine(folder.FullName, "lakou.yaml");
        await ReplaceAsync(file, Configuration(0, steady, mortal, other));
        await using var host = await LakouHost.StartAsync(
            ConfigurationLoader.LoadFile(file, ReferenceSource.System),
            new HostSettings { File = file, References = ReferenceSource.System, AccessOutput = Stream.Null, Time = TimeProvider.System, Loggers = NullLoggerFactory.Instance });
        var address = (IPEndPoint)host.EndPointOf("web");
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(Seconds));

        var wrong = new ConcurrentQueue<string>();
        var outcomes = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var work = new List<Task>
        {
            ReloadAsync(file, steady, mortal, other, end.Token),
            DieAsync(mortal, end.Token),
            DieAsync(other, end.Token),
            EchoAsync(address, wrong, end.Token),
            StreamAsync(address, wrong),
        };
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri($"http://{address}"), Timeout = TimeSpan.FromSeconds(60) };
        work.AddRange(Enumerable.Range(0, 4).Select(_ => AskAsync(client, "steady", mayFail: false, wrong, outcomes, end.Token)));
        work.AddRange(Enumerable.Range(0, 8).Select(_ => AskAsync(client, "mortal", mayFail: true, wrong, outcomes, end.Token)));
        await Task.WhenAll(work);

        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Take(20)));
        Assert.True(outcomes.GetValueOrDefault("steady 200") > 100, "the steady endpoint answered");
        Assert.True(outcomes.GetValueOrDefault("mortal 200") > 100, "the mortal endpoints answered");
        Assert.True(host.Running!.Version > 3, $"the file was taken anew {host.Running!.Version} times");
    }

    private static string Configuration(int turn, MortalService steady, MortalService mortal, MortalService other) => $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams:
          steady: { endpoints: [ "{{steady.Url}}" ] }
          mortal: { endpoints: [ {{(turn % 2 == 0 ? $"\"{mortal.Url}\", \"{other.Url}\"" : $"\"{other.Url}\", \"{mortal.Url}\"")}} ], timeouts: { response: {{20 + turn}}s } }
        routes:
          steady:  { match: { path: "/steady/**" }, filters: { strip-prefix: /steady }, to: steady }
          mortal:  { match: { path: "/mortal/**" }, filters: { strip-prefix: /mortal }, to: mortal }
          turn-{{turn}}: { match: { path: /turn }, respond: { body: "{{turn}}" } }
        admin: { address: "127.0.0.1:0" }
        log: { access: off }
        """;

    private static async Task ReloadAsync(string file, MortalService steady, MortalService mortal, MortalService other, CancellationToken end)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), TimeProvider.System);
        for (var turn = 1; await TickAsync(timer, end); turn++)
        {
            // As deployments do it: a new file in the old one's place; every third time a broken one.
            await ReplaceAsync(file, turn % 3 == 0 ? "listeners: { web: { adress: oops } }\n" : Configuration(turn, steady, mortal, other));
        }
    }

    private static async Task ReplaceAsync(string file, string text)
    {
        await File.WriteAllTextAsync(file + ".new", text);
        File.Move(file + ".new", file, overwrite: true);
    }

    private static async Task DieAsync(MortalService service, CancellationToken end)
    {
        var random = new Random(service.Port);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(random.Next(500, 900)), TimeProvider.System);
        while (await TickAsync(timer, end))
        {
            await service.KillAsync();
            await TickAsync(timer, end);
            await service.StartAsync();
        }
    }

    private static async Task AskAsync(
        HttpClient client, string route, bool mayFail, ConcurrentQueue<string> wrong, ConcurrentDictionary<string, int> outcomes, CancellationToken end)
    {
        for (var i = 0; !end.IsCancellationRequested && i < RequestsMax / 12; i++)
        {
            var posts = i % 3 == 0;
            using var request = new HttpRequestMessage(posts ? HttpMethod.Post : HttpMethod.Get, $"/{route}/{i}");
            request.Content = posts ? new StringContent(new string('x', i % 5000)) : null;
            var expected = $"{request.Method} /{i} {(posts ? i % 5000 : 0)}";
            string outcome;
            try
            {
                using var answer = await client.SendAsync(request, CancellationToken.None);
                var body = await answer.Content.ReadAsStringAsync(CancellationToken.None);
                outcome = ((int)answer.StatusCode).ToString();
                var right = answer.StatusCode == HttpStatusCode.OK
                    ? body == expected
                    : mayFail && answer.StatusCode == HttpStatusCode.BadGateway && Explained.Any(code => body.Contains($"\"{code}\"", StringComparison.Ordinal));
                if (!right)
                {
                    wrong.Enqueue($"{expected} on {route}: {outcome} {body}");
                }
            }
            catch (HttpRequestException e)
            {
                // An answer that the dying endpoint cut is cut for the client too; to the steady one nothing like it happens.
                outcome = "cut";
                if (!mayFail)
                {
                    wrong.Enqueue($"{expected} on {route}: {e}");
                }
            }

            outcomes.AddOrUpdate($"{route} {outcome}", 1, (_, count) => count + 1);
        }
    }

    private static async Task EchoAsync(IPEndPoint address, ConcurrentQueue<string> wrong, CancellationToken end)
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{address}/steady/echo"), CancellationToken.None);
        var buffer = new byte[64];
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        for (var i = 0; await TickAsync(timer, end); i++)
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes($"message {i}"), WebSocketMessageType.Text, true, CancellationToken.None);
            var echo = await socket.ReceiveAsync(buffer, CancellationToken.None);
            var text = Encoding.ASCII.GetString(buffer, 0, echo.Count);
            if (text != $"message {i}")
            {
                wrong.Enqueue($"WebSocket: message {i} came back as '{text}'");
            }
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    /// <summary>One answer that lasts through all reloads.</summary>
    private static async Task StreamAsync(IPEndPoint address, ConcurrentQueue<string> wrong)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        var text = await client.GetStringAsync($"http://{address}/steady/stream?lines={Seconds * 8}", CancellationToken.None);
        if (text != string.Concat(Enumerable.Range(0, Seconds * 8).Select(i => $"line {i}\n")))
        {
            wrong.Enqueue($"stream: {text.Length} characters");
        }
    }

    private static async Task<bool> TickAsync(PeriodicTimer timer, CancellationToken end)
    {
        try
        {
            return await timer.WaitForNextTickAsync(end);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
