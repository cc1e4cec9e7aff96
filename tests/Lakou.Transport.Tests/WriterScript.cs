using System.Buffers;
using System.IO.Pipelines;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Tests;

/// <summary>Runs one random script of calls against the output of a connection and against a <see cref="Pipe"/>, and compares every result and all bytes.</summary>
internal sealed class WriterScript(TransportTest.Pair pair, int seed, CancellationToken stop)
{
    private readonly Random _random = new(seed);
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly List<string> _log = [$"seed {seed}"];
    private long _written;
    private long _received;

    public async Task RunAsync(int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            await StepAsync();
            Check(_pipe.Writer.CanGetUnflushedBytes == pair.Output.CanGetUnflushedBytes, $"CanGetUnflushedBytes is {pair.Output.CanGetUnflushedBytes}");
            Check(_pipe.Writer.UnflushedBytes == pair.Output.UnflushedBytes, $"UnflushedBytes is {pair.Output.UnflushedBytes} instead of {_pipe.Writer.UnflushedBytes}");
        }

        Log("Complete");
        await _pipe.Writer.CompleteAsync(); // both flush what is left
        await pair.Output.CompleteAsync();
        await ReceiveAsync();
        Assert.Equal(0, await pair.Peer.ReceivePatternToEndAsync(stop));
    }

    private async Task StepAsync()
    {
        switch (_random.Next(8))
        {
            case 0:
                Write(_random.Next(0, 300));
                break;
            case 1:
                Write(_random.Next(0, 12_000));
                break;
            case 2 or 3:
                Get(_random.Next(4) switch
                {
                    0 => 0,
                    1 => _random.Next(1, 100),
                    2 => _random.Next(1, Block.Bytes + 1),
                    _ => _random.Next(1, 100_000),
                });
                break;
            case 4:
                Log("CancelPendingFlush");
                _pipe.Writer.CancelPendingFlush();
                pair.Output.CancelPendingFlush();
                break;
            case 5:
                var more = _random.Next(0, 5_000);
                Log($"WriteAsync {more}");
                var bytes = Bytes.Make(_written, more);
                _written += more;
                await SameAsync(writer => writer.WriteAsync(bytes, stop));
                await ReceiveAsync();
                break;
            case 6 when _random.Next(3) == 0:
                Log("FlushAsync, cancelled token");
                var cancelled = new CancellationToken(canceled: true);
                await SameAsync(writer => writer.FlushAsync(cancelled));
                break;
            default:
                Log("FlushAsync");
                await SameAsync(writer => writer.FlushAsync(stop));
                await ReceiveAsync();
                break;
        }
    }

    private void Write(int count)
    {
        Log($"Write {count}");
        var bytes = Bytes.Make(_written, count);
        _pipe.Writer.Write(bytes);
        pair.Output.Write(bytes);
        _written += count;
    }

    private void Get(int hint)
    {
        var expected = _pipe.Writer.GetMemory(hint);
        var isSpan = _random.Next(2) == 0;
        var actual = isSpan ? pair.Output.GetSpan(hint) : pair.Output.GetMemory(hint).Span;
        Check(actual.Length >= Math.Max(1, hint), $"{actual.Length} bytes for the hint {hint}");
        var count = _random.Next(0, Math.Min(expected.Length, actual.Length) + 1);
        Log($"Get{(isSpan ? "Span" : "Memory")} {hint}, Advance {count}");
        var bytes = Bytes.Make(_written, count);
        bytes.CopyTo(expected.Span);
        bytes.CopyTo(actual);
        _pipe.Writer.Advance(count);
        pair.Output.Advance(count);
        _written += count;
    }

    private async Task SameAsync(Func<PipeWriter, ValueTask<FlushResult>> flush)
    {
        var (expected, expectedError) = await ResultAsync(flush, _pipe.Writer);
        var (actual, actualError) = await ResultAsync(flush, pair.Output);
        Check(expectedError == actualError, $"{actualError?.Name ?? "no error"} instead of {expectedError?.Name ?? "none"}");
        Check(expected.IsCanceled == actual.IsCanceled, $"IsCanceled is {actual.IsCanceled}");
        Check(expected.IsCompleted == actual.IsCompleted, $"IsCompleted is {actual.IsCompleted}");
    }

    private static async Task<(FlushResult Result, Type? Error)> ResultAsync(Func<PipeWriter, ValueTask<FlushResult>> flush, PipeWriter writer)
    {
        try
        {
            return (await flush(writer), null);
        }
        catch (Exception e)
        {
            return (default, e.GetType());
        }
    }

    /// <summary>What a reader of the pipe gets now, the peer gets too.</summary>
    private async Task ReceiveAsync()
    {
        if (!_pipe.Reader.TryRead(out var read))
        {
            return;
        }

        var count = (int)read.Buffer.Length;
        Bytes.AssertPattern(read.Buffer.ToArray(), _received);
        _pipe.Reader.AdvanceTo(read.Buffer.End);
        Log($"  {count} come");
        Bytes.AssertPattern(await pair.Peer.ReceiveAsync(count, stop), _received);
        _received += count;
        Check(pair.Peer.Socket.Available == 0, "more came than was flushed");
    }

    private void Log(string line) => _log.Add(line);

    private void Check(bool holds, string what) => Assert.True(holds, $"{what}, after\n{string.Join('\n', _log.TakeLast(30))}");
}
