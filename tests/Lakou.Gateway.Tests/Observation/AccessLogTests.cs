using System.Text;
using Lakou.Core.Metrics;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Tests.Observation;

public sealed class AccessLogTests
{
    private readonly ManualTime _time = new();
    private readonly Sink _sink = new();
    private readonly Said _said = new();
    private readonly Counter _dropped = new MetricRegistry().Counter("dropped_total", "Dropped");

    [Fact]
    public async Task A_line_is_written_100_ms_after_it_was_added()
    {
        await using AccessLog log = Open();
        log.Write(Exchanges.Full());
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(0, _sink.Lines);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, _sink.Lines);

        log.Write(Exchanges.Full());
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(2, _sink.Lines);
    }

    [Fact]
    public async Task At_64_KiB_lines_are_written_without_waiting()
    {
        await using AccessLog log = Open();
        int written = 0;
        while (written < 64 * 1024)
        {
            log.Write(Exchanges.Full());
            written += 300; // less than such a line has
        }

        await _sink.Written.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.True(_sink.Lines > 0);
    }

    [Fact]
    public async Task Flush_and_dispose_write_everything()
    {
        AccessLog log = Open();
        log.Write(Exchanges.Full());
        await log.FlushAsync();
        Assert.Equal(1, _sink.Lines);
        log.Write(Exchanges.Full());
        await log.DisposeAsync();
        Assert.Equal(2, _sink.Lines);

        log.Write(Exchanges.Full());
        Assert.Equal(1, _dropped.Value);
    }

    [Fact]
    public async Task Off_writes_nothing()
    {
        await using AccessLog log = Open(AccessLogFormat.Off);
        log.Write(Exchanges.Full());
        await log.FlushAsync();
        Assert.Equal(0, _sink.Lines);
        Assert.Equal(0, _dropped.Value);
    }

    [Fact]
    public async Task Text_is_what_the_configuration_asked_for()
    {
        await using AccessLog log = Open(AccessLogFormat.Text);
        log.Write(Exchanges.Full());
        await log.FlushAsync();
        Assert.StartsWith("2025-11-21T01:52:00.123Z 192.0.2.7 POST", _sink.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_reader_stands_still_lines_beyond_the_buffers_are_dropped_counted_and_reported_once()
    {
        AccessLog log = Open();
        _sink.Block();
        log.Write(Exchanges.Full());
        Task first = log.FlushAsync(); // holds one buffer
        await _sink.Entered.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        const int Lines = 5000; // of more than 300 bytes: three times the other buffer
        for (int i = 0; i < Lines; i++)
        {
            log.Write(Exchanges.Full());
        }

        Assert.InRange(_dropped.Value, 1, Lines - 1);
        await _said.Heard.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        _sink.Unblock();
        await first;
        await log.DisposeAsync();
        Assert.Equal(1 + Lines, _sink.Lines + _dropped.Value);
        Assert.Equal(1, _said.Count);
    }

    [Fact]
    public async Task A_second_episode_is_reported_again_after_the_reader_caught_up()
    {
        await using AccessLog log = Open();
        for (int episode = 1; episode <= 2; episode++)
        {
            while (_dropped.Value < episode)
            {
                _sink.Break(); // nothing arrives; every flush loses its lines
                log.Write(Exchanges.Full());
                await log.FlushAsync();
            }

            Assert.Equal(episode, _said.Count);
            _sink.Mend();
            for (int turn = 0; turn < 2; turn++)
            {
                log.Write(Exchanges.Full());
                await log.FlushAsync();
            }
        }

        Assert.Equal(4, _sink.Lines);
    }

    [Fact]
    public async Task A_broken_output_loses_lines_counts_them_and_nothing_else()
    {
        AccessLog log = Open();
        _sink.Break();
        for (int i = 0; i < 3; i++)
        {
            log.Write(Exchanges.Full());
            log.Write(Exchanges.Full());
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        await log.DisposeAsync();
        Assert.Equal(6, _dropped.Value);
        Assert.Equal(1, _said.Count);
    }

    [Fact]
    public async Task Lines_of_many_threads_never_mix()
    {
        AccessLog log = Open();
        const int Threads = 4;
        const int Each = 2000;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                log.Write(Exchanges.Full());
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        await log.DisposeAsync();

        string[] lines = _sink.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Single(lines.Distinct(StringComparer.Ordinal));
        Assert.Equal(Threads * Each, lines.Length + _dropped.Value);
    }

    [Fact]
    public async Task Writing_a_line_allocates_nothing()
    {
        await using AccessLog log = Open();
        Exchange exchange = Exchanges.Full();
        log.Write(exchange); // first line of this thread: its buffer is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            log.Write(exchange);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private AccessLog Open(AccessLogFormat format = AccessLogFormat.Json) => new(format, _sink, _time, _dropped, _said);

    /// <summary>Standard output that can stand still and break.</summary>
    private sealed class Sink : MemoryStream
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource? _blocked;
        private volatile bool _broken;

        public Task Entered => _entered.Task;

        public Task Written => _written.Task;

        public string Text => Encoding.UTF8.GetString(ToArray());

        public int Lines => Text.Count(c => c == '\n');

        public void Block() => _blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Unblock() => _blocked!.SetResult();

        public void Break() => _broken = true;

        public void Mend() => _broken = false;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _entered.TrySetResult();
            await (_blocked?.Task ?? Task.CompletedTask);
            if (_broken)
            {
                throw new IOException("Broken pipe");
            }

            Write(buffer.Span);
            _written.TrySetResult();
        }
    }

    private sealed class Said : ILogger
    {
        private readonly TaskCompletionSource _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public Task Heard => _heard.Task;

        public int Count => Volatile.Read(ref _count);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Interlocked.Increment(ref _count);
            _heard.TrySetResult();
        }
    }
}
