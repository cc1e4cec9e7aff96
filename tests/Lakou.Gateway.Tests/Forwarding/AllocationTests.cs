using System.Collections.Concurrent;
using System.Diagnostics;
using Lakou.Bench.Forwarding;
using Lakou.Gateway.Tests.Harness;
using Lakou.Transport;

namespace Lakou.Gateway.Tests.Forwarding;

public class AllocationTests
{
    private const int Clients = 2;
    private const int Rounds = 5_000;

    [Fact]
    public Task A_proxied_request_allocates_nothing()
        => AllocatesNothingAsync("GET /orders/17?page=2 HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n");

    [Theory]
    [InlineData("balance: round-robin")]
    [InlineData("balance: least-requests, slow-start: 30s")]
    [InlineData("balance: least-latency")]
    [InlineData("balance: { hash: client-ip }")]
    [InlineData("balance: { hash: { header: X-User } }")]
    [InlineData("balance: { hash: { cookie: session } }")]
    [InlineData("balance: { hash: { query: page } }, sticky: { cookie: lakou }")]
    [InlineData("limits: { requests: 10, connections: 10 }")]
    public Task Choosing_an_endpoint_allocates_nothing(string upstream)
        => AllocatesNothingAsync("GET /orders/17?page=2 HTTP/1.1\r\nHost: api.example.org\r\nX-User: 17\r\nCookie: a=1; session=17\r\n\r\n", upstream);

    private static async Task AllocatesNothingAsync(string request, string? balance = null)
    {
        using var peers = new QuietPeers();
        var time = new LoopWatch();
        await using var gateway = balance is null // one loop: an idle connection of another costs messages between threads
            ? await TestGateway.ForwardAsync(peers.Url, time: time, loops: 1)
            : await TestGateway.StartAsync(TwoEndpoints(peers, balance), time, loops: 1);
        Assert.SkipUnless(gateway.State.Transport.Kind == TransportKind.IoUring, "Only the loops' own threads can be told from those of other tests.");
        var bytes = System.Text.Encoding.ASCII.GetBytes(request);
        await Task.Factory.StartNew(
            () =>
            {
                peers.Connect(gateway.Address, Clients);

                // The first turns grow every buffer. Code that is not optimised yet allocates, and on a busy machine it may be used for long.
                // No object has less than 24 bytes. What is left is the access log's, once for each batch of lines, and the compiler's.
                double each;
                var patience = Stopwatch.StartNew();
                do
                {
                    var before = time.AllocatedBytes;
                    peers.Talk(bytes, Rounds);
                    each = (double)(time.AllocatedBytes - before) / (Rounds * Clients);
                }
                while (each >= 8 && patience.Elapsed < TimeSpan.FromMinutes(1));

                Assert.True(each < 8, $"{each:0.##} bytes a request");
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    /// <summary>The same one under two names, so that there is a choice.</summary>
    private static string TwoEndpoints(QuietPeers peers, string balance) => $$"""
        upstreams: { app: { endpoints: [ "{{peers.Url}}", "{{peers.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}}" ], {{balance}} } }
        routes: { all: { match: { path: "/**" }, to: app } }
        """;

    /// <summary>The real clock. Whoever reads it on a thread of his own, as event loops do in every turn, has his allocations noted.</summary>
    private sealed class LoopWatch : TimeProvider
    {
        private readonly ConcurrentDictionary<int, long> _bytes = [];

        public long AllocatedBytes => _bytes.Values.Sum();

        public override long GetTimestamp()
        {
            if (!Thread.CurrentThread.IsThreadPoolThread)
            {
                _bytes[Environment.CurrentManagedThreadId] = GC.GetAllocatedBytesForCurrentThread();
            }

            return base.GetTimestamp();
        }
    }
}
