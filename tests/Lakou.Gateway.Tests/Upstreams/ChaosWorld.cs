using System.Collections.Concurrent;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Tests.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams;

/// <summary>A gateway in manual time, four endpoints, and between them networks that do as they are told.</summary>
internal sealed class ChaosWorld : IAsyncDisposable
{
    private const int Endpoints = 4;

    private static readonly string Body = new('b', 1000);

    private readonly RawUpstream[] _endpoints;
    private int _active;

    private ChaosWorld(HealthWorld health, RawUpstream[] endpoints, ChaosProxy[] networks)
        => (Health, _endpoints, Networks) = (health, endpoints, networks);

    public HealthWorld Health { get; }

    public ChaosProxy[] Networks { get; }

    /// <param name="health">Options of it; the defaults without.</param>
    /// <param name="balance">Round-robin, so that each endpoint has exactly its share.</param>
    /// <param name="more">Of the upstream. Without a pool every request meets the network as it is now.</param>
    public static async Task<ChaosWorld> OpenAsync(string health = "", string balance = "round-robin", string more = "pool: { size: 0 }")
    {
        var world = new HealthWorld();
        var endpoints = Enumerable.Range(0, Endpoints).Select(_ => new RawUpstream().Answer($"HTTP/1.1 200 OK\r\nContent-Length: {Body.Length}\r\n\r\n{Body}")).ToArray();
        var networks = endpoints.Select(endpoint => new ChaosProxy(endpoint.Url, world.Time)).ToArray();
        await world.StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams:
              app:
                endpoints: [ {{string.Join(", ", networks.Select(network => $"\"{network.Url}\""))}} ]
                balance: {{balance}}
                health: { {{health}} }
                {{more}}
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        return new(world, endpoints, networks);
    }

    /// <summary>One request after another; time passes while one is held back, and only then. How many ended in which way.</summary>
    public async Task<Tally> AskAsync(int count)
    {
        var tally = new Tally();
        for (var i = 0; i < count; i++)
        {
            var held = Networks.Sum(network => network.Held);
            var asking = RequestAsync();
            await PassAsync(asking, () => Networks.Sum(network => network.Held) > held);
            tally.Add(await asking);
        }

        return tally;
    }

    /// <summary>So many ask at a time. Time passes while all of them wait for it.</summary>
    /// <param name="count">Of all of them together.</param>
    /// <param name="workers">How many ask at a time, each one request after another.</param>
    public async Task<Tally> StormAsync(int count, int workers)
    {
        var tally = new Tally();
        var asked = 0;
        var storm = Task.WhenAll(Enumerable.Range(0, workers).Select(_ => WorkAsync()));
        await PassAsync(storm, () => Volatile.Read(ref _active) is > 0 and var active && active == Networks.Sum(network => network.Pausing));
        await storm;
        return tally;

        async Task WorkAsync()
        {
            while (Interlocked.Increment(ref asked) <= count)
            {
                tally.Add(await RequestAsync());
            }
        }
    }

    /// <summary>How many connections each network has had of late.</summary>
    public async Task<int[]> SharesAsync(Func<Task> of)
    {
        var before = Networks.Select(network => network.Accepted).ToArray();
        await of();
        return [.. Networks.Select((network, i) => network.Accepted - before[i])];
    }

    public async ValueTask DisposeAsync()
    {
        await Health.DisposeAsync();
        Array.ForEach(Networks, network => network.Dispose());
        Array.ForEach(_endpoints, endpoint => endpoint.Dispose());
    }

    /// <summary>The status of an answer; "cut" when it was not whole.</summary>
    private async Task<string> RequestAsync()
    {
        Interlocked.Increment(ref _active);
        try
        {
            using var client = await RawPeer.ConnectAsync(Health.Gateway.Address);
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            var answer = await client.ReadToEndAsync();
            var status = answer.Split(' ')[1];
            return status != "200" || answer.EndsWith(Body, StringComparison.Ordinal) ? status : "cut";
        }
        catch (SocketException)
        {
            return "cut";
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private async Task PassAsync(Task outcome, Func<bool> isHeld)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!outcome.IsCompleted)
        {
            if (isHeld())
            {
                Health.Time.Advance(TimeSpan.FromMilliseconds(100));
            }

            await Task.WhenAny(outcome, Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, patience.Token));
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    /// <summary>How requests ended.</summary>
    internal sealed class Tally
    {
        private readonly ConcurrentDictionary<string, int> _counts = new();

        private int All => _counts.Values.Sum();

        public int Failed => All - Of("200");

        /// <param name="outcome">One, or one or another.</param>
        public int Of(string outcome) => outcome.Split(" or ").Sum(one => _counts.GetValueOrDefault(one));

        public void Add(string outcome) => _counts.AddOrUpdate(outcome, 1, (_, count) => count + 1);

        public override string ToString() => string.Join(", ", _counts.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}: {pair.Value}"));
    }
}
