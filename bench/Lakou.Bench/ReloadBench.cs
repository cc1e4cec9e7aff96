using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Metrics;
using Lakou.Gateway;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Bench;

/// <summary>What a reload costs in which one of many routes has changed, step by step; medians after the JIT has settled.</summary>
internal static class ReloadBench
{
    private const int Rounds = 15;
    private const int WarmUp = 5;

    public static async Task RunAsync()
    {
        foreach (var routes in (int[])[10, 1_000, 10_000])
        {
            var steps = await MeasureAsync(routes);
            Console.WriteLine($"{routes,6} routes: " + string.Join(", ", steps.Select(step => $"{step.Name} {step.Milliseconds:0.0} ms")));
        }
    }

    private static async Task<(string Name, double Milliseconds)[]> MeasureAsync(int routes)
    {
        var shape = GatewayOptions.AddTo(Shapes.Object("bench", "The gateway's part of the file.", () => new GatewayOptions()), o => o, (_, v) => v);
        var transport = LakouTransport.Start(new TransportOptions { ApplicationScheduler = PipeScheduler.Inline });
        await using var gateway = new GatewayState(
            new(new MetricRegistry(), "bench"), new ServerTelemetry(TimeProvider.System, "bench"), accessLog: null, TimeProvider.System, transport, NullLoggerFactory.Instance);
        string[] names = ["read", "check", "plan", "apply"];
        var times = names.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < WarmUp + Rounds; round++)
        {
            var text = Text(routes, changed: round % routes);
            var problems = new Problems();
            var clock = new Stopwatch();
            var document = Timed(0, () => ConfigDocument.Parse("bench.yaml", text, ReferenceSource.None, problems));
            var options = Timed(1, () => shape.TryRead(document.Root!, problems, out var read) ? read : throw new InvalidOperationException(problems.All[0].ToString()));
            var plan = Timed(2, () => GatewayPlan.Build(options, document, "/", problems));
            clock.Restart();
            if (problems.Any || !await gateway.ApplyAsync(plan, problems))
            {
                throw new InvalidOperationException(problems.All[0].ToString());
            }

            Note(3);

            T Timed<T>(int step, Func<T> run)
            {
                clock.Restart();
                var result = run();
                Note(step);
                return result;
            }

            void Note(int step)
            {
                if (round >= WarmUp)
                {
                    times[step].Add(clock.Elapsed.TotalMilliseconds);
                }
            }
        }

        return [.. names.Zip(times, (name, all) => (name, all.Order().ElementAt(Rounds / 2)))];
    }

    private static string Text(int routes, int changed)
    {
        var text = new StringBuilder("""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { app: { endpoints: [ http://127.0.0.1:9 ] } }
            routes:

            """);
        for (var i = 0; i < routes; i++)
        {
            text.Append($$"""
                  route-{{i}}:
                    match: { host: host-{{i % 100}}.example.org, path: "/service-{{i:D5}}/orders/{id}", methods: [GET, POST] }
                    filters: { request-id: {}, timeout: { total: {{(i == changed ? 9 : 10)}}s } }
                    to: app

                """);
        }

        return text.ToString();
    }
}
