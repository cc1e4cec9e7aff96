using Lakou.Core.Metrics;
using Lakou.Core.Time;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Tests.Upstreams.Limits;

public sealed class AdmissionTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly Sweeper _sweeper;
    private readonly MetricRegistry _registry = new();
    private readonly Admission _admission;

    public AdmissionTests()
    {
        _sweeper = new(_time, TimeSpan.FromMilliseconds(50));
        _admission = new("app", new(_registry), _sweeper);
    }

    public void Dispose()
    {
        _admission.Dispose();
        _sweeper.Dispose();
    }

    [Fact]
    public void There_are_as_many_places_as_the_limit_says()
    {
        Limit(places: 2);
        Assert.True(_admission.IsLimited);
        Assert.Equal([true, true, false], [_admission.TryEnter(), _admission.TryEnter(), _admission.TryEnter()]);
        _admission.Leave();
        Assert.True(_admission.TryEnter());
    }

    [Fact]
    public async Task Who_waited_longest_comes_first()
    {
        Full(queue: 3);
        var waiting = Enumerable.Range(0, 3).Select(_ => WaitAsync("a")).ToArray();
        for (var i = 0; i < 3; i++)
        {
            Assert.False(waiting[i].IsCompleted);
            _admission.Leave();
            Assert.Equal(Entry.Admitted, await waiting[i]);
        }

        Assert.Equal((1, 0), (_admission.Taken, _admission.Waiting));
    }

    [Fact]
    public async Task Routes_take_turns_however_many_wait_in_each()
    {
        Full(queue: 100);
        var order = new List<string>();
        var all = new List<Task>();
        foreach (var route in Enumerable.Repeat("greedy", 50).Concat(["small", "other", "small"]))
        {
            all.Add(NoteAsync(route));
        }

        for (var i = 0; i < 53; i++)
        {
            _admission.Leave();
            await Waiting.UntilAsync(() => order.Count == i + 1);
        }

        await Task.WhenAll(all);
        Assert.Equal(["greedy", "small", "other", "greedy", "small", "greedy"], order.Take(6));

        async Task NoteAsync(string route)
        {
            Assert.Equal(Entry.Admitted, await WaitAsync(route));
            lock (order)
            {
                order.Add(route);
            }
        }
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once()
    {
        Full(queue: 2);
        var waiting = new[] { WaitAsync("a"), WaitAsync("a") };
        Assert.Equal(Entry.Full, await WaitAsync("a"));
        Assert.All(waiting, waiter => Assert.False(waiter.IsCompleted));
        Assert.Contains("lakou_upstream_refused_total{upstream=\"app\",reason=\"full\"} 1\n", Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_comes_from_a_shorter_line_takes_the_place_of_the_last_in_the_longest()
    {
        Full(queue: 4);
        var greedy = Enumerable.Range(0, 4).Select(_ => WaitAsync("greedy")).ToArray();
        var first = WaitAsync("small");
        Assert.Equal(Entry.Full, await greedy[3]);
        var second = WaitAsync("small");
        Assert.Equal(Entry.Full, await greedy[2]);
        Assert.Equal(Entry.Full, await WaitAsync("small")); // two and two: nobody has more than a fair share
        Assert.All([greedy[0], greedy[1], first, second], waiter => Assert.False(waiter.IsCompleted));
    }

    [Fact]
    public async Task Without_a_queue_nobody_waits()
    {
        Full(queue: 0);
        Assert.Equal(Entry.Full, await WaitAsync("a"));
        Assert.Equal(Entry.Full, await WaitAsync("b"));
    }

    [Fact]
    public async Task A_wait_ends_by_the_limit_or_by_its_own_deadline()
    {
        Full(queue: 4);
        var own = WaitAsync("a", _time.GetTimestamp() + (_time.TimestampFrequency / 2));
        var limit = WaitAsync("a");
        Assert.InRange(await _time.PassUntilAsync(own, TimeSpan.FromMilliseconds(50)), TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(0.8));
        Assert.False(limit.IsCompleted);
        await _time.PassUntilAsync(limit, TimeSpan.FromMilliseconds(50));
        Assert.Equal((Entry.Late, Entry.Late), (await own, await limit));
        Assert.Equal(0, _admission.Waiting);
        Assert.Contains("lakou_upstream_refused_total{upstream=\"app\",reason=\"late\"} 2\n", Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_leaves_the_line_makes_room_in_it()
    {
        Full(queue: 1);
        using var gone = new CancellationTokenSource();
        var first = _admission.WaitAsync("a", long.MaxValue, gone.Token).AsTask();
        await gone.CancelAsync();
        Assert.Equal(Entry.Gone, await first);
        var second = WaitAsync("a");
        _admission.Leave();
        Assert.Equal(Entry.Admitted, await second);
    }

    [Fact]
    public async Task A_higher_limit_admits_who_waits_and_a_lower_one_holds_back_until_enough_have_left()
    {
        Full(queue: 9);
        var waiting = Enumerable.Range(0, 3).Select(_ => WaitAsync("a")).ToArray();
        Limit(places: 3, queue: 9);
        Assert.Equal([Entry.Admitted, Entry.Admitted], await Task.WhenAll(waiting[0], waiting[1]));
        Limit(places: 1, queue: 9);
        _admission.Leave();
        _admission.Leave();
        Assert.False(waiting[2].IsCompleted);
        _admission.Leave();
        Assert.Equal(Entry.Admitted, await waiting[2]);
        Assert.Equal(1, _admission.Taken);
    }

    [Fact]
    public async Task Without_limits_from_now_on_all_are_admitted()
    {
        Full(queue: 9);
        var waiting = WaitAsync("a");
        _admission.Follow(null, int.MaxValue);
        Assert.Equal(Entry.Admitted, await waiting);
        Assert.False(_admission.IsLimited);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Places_are_neither_lost_nor_made_whatever_happens(int seed)
    {
        const int places = 7;
        Limit(places, queue: 20);
        var (within, most, admitted, ended) = (0, 0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(client => Task.Run(async () =>
        {
            var random = new Random((seed * 1_000) + client);
            for (var i = 0; i < 200; i++)
            {
                using var gone = new CancellationTokenSource();
                var entering = _admission.TryEnter() ? new(Entry.Admitted) : _admission.WaitAsync($"route-{client % 5}", long.MaxValue, gone.Token);
                if (random.Next(8) == 0)
                {
                    await gone.CancelAsync();
                }

                if (random.Next(8) == 0)
                {
                    _time.Advance(TimeSpan.FromMilliseconds(200));
                }

                if (await entering == Entry.Admitted)
                {
                    InterlockedMax(ref most, Interlocked.Increment(ref within));
                    Interlocked.Increment(ref admitted);
                    await Task.Yield();
                    Interlocked.Decrement(ref within);
                    _admission.Leave();
                }

                Interlocked.Increment(ref ended);
            }
        })));
        Assert.Equal((64 * 200, 0, 0), (ended, _admission.Taken, _admission.Waiting));
        Assert.InRange(most, 1, places);
        Assert.True(admitted > 1_000, $"{admitted} were admitted");
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); seen < value;)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen) == seen ? value : Volatile.Read(ref target);
        }
    }

    /// <summary>One place, and it is taken.</summary>
    private void Full(int queue)
    {
        Limit(places: 1, queue);
        Assert.True(_admission.TryEnter());
    }

    private void Limit(int places, int queue = 0) => _admission.Follow(new() { Requests = places, Queue = queue }, places);

    private Task<Entry> WaitAsync(string route, long deadline = long.MaxValue) => _admission.WaitAsync(route, deadline, CancellationToken.None).AsTask();

    private string Metrics()
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        _registry.Write(writer);
        return System.Text.Encoding.UTF8.GetString(writer.WrittenSpan);
    }
}
