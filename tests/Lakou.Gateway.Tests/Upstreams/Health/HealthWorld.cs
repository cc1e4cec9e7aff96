using System.Collections.Concurrent;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Health;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>A gateway with one upstream <c>app</c>, its clock, and what it logs of endpoints.</summary>
internal sealed class HealthWorld : IAsyncDisposable, ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _log = new();

    public ManualTime Time { get; } = new();

    public TestGateway Gateway { get; private set; } = null!;

    public UpstreamState Upstream => Gateway.State.Upstreams["app"];

    public string[] Lines => [.. _log.Where(line => line.Text.StartsWith("Upstream app", StringComparison.Ordinal)).Select(line => $"{line.Level}: {line.Text}")];

    public string[] Bugs => [.. _log.Where(line => line.Text.Contains("lakou/bug", StringComparison.Ordinal)).Select(line => line.Text)];

    public static Task<HealthWorld> OpenAsync(string health, params string[] endpoints) => OpenYamlAsync(Yaml(health, endpoints));

    public static async Task<HealthWorld> OpenYamlAsync(string yaml)
    {
        var world = new HealthWorld();
        await world.StartAsync(yaml);
        return world;
    }

    public async Task StartAsync(string yaml) => Gateway = await TestGateway.StartAsync(yaml, Time, this);

    /// <summary>Addresses that nobody is expected to dial.</summary>
    public static string[] Names(int count) => [.. Enumerable.Range(1, count).Select(i => $"http://127.0.0.1:{i}")];

    public static string Yaml(string health, params string[] endpoints) => $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { app: { balance: round-robin, endpoints: [ {{string.Join(", ", endpoints.Select(one => $"\"{one}\""))}} ], health: { {{health.ReplaceLineEndings(" ")}} } } }
        routes: { all: { match: { path: "/**" }, to: app } }
        """;

    public EndpointState Endpoint(int i) => Upstream.Endpoints[i];

    public HealthState State(int i) => Endpoint(i).Health.Status.State;

    /// <summary>Fails so often now, and waits until that has been thought about.</summary>
    public async Task FailAsync(int endpoint, int times = 5, int threshold = 5)
    {
        for (var i = 0; i < times; i++)
        {
            Endpoint(endpoint).Health.Failed("upstream/closed", Time.GetTimestamp());
        }

        if (times >= threshold)
        {
            await Waiting.UntilAsync(() => Endpoint(endpoint).Health.FailuresInRow < threshold);
        }
    }

    /// <summary>Waits until an endpoint is in a state and its balancer has followed: only then it is told.</summary>
    public Task BecomesAsync(int endpoint, HealthState state)
    {
        var name = $": {Endpoint(endpoint).Address.Text} is ";
        return Waiting.UntilAsync(() => State(endpoint) == state
            && (Lines.LastOrDefault(line => line.Contains(name, StringComparison.Ordinal)) ?? name + HealthState.Healthy).Contains(name + state, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Lets time pass until an endpoint is in a state; how much it was.</summary>
    public Task<TimeSpan> PassUntilAsync(int endpoint, HealthState state, double stepSeconds = 0.5)
        => Time.PassUntilAsync(BecomesAsync(endpoint, state), TimeSpan.FromSeconds(stepSeconds));

    /// <summary>Who gets the next requests, as the balancer has it.</summary>
    public string Picks(int count)
        => string.Concat(Enumerable.Range(0, count).Select(_ => Upstream.Pick(default, out var _) is { } one ? $"{Upstream.Endpoints.ToList().IndexOf(one)}" : "-"));

    /// <summary>The status of a request, or that its answer was cut.</summary>
    public async Task<string> AskAsync()
    {
        using var client = await RawPeer.ConnectAsync(Gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        try
        {
            return (await client.ReadToEndAsync()).Split(' ')[1]; // to the end: who leaves within an answer hides how it ended
        }
        catch (System.Net.Sockets.SocketException)
        {
            return "cut";
        }
    }

    public bool HasMetric(string sample) => Gateway.Metrics().Split('\n').Contains(sample, StringComparer.Ordinal);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        => _log.Enqueue((logLevel, formatter(state, exception) + (exception is null ? "" : " | " + exception)));

    public void Dispose()
    {
    }

    public ValueTask DisposeAsync() => Gateway.DisposeAsync();
}
