using System.Buffers;
using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

/// <summary>
/// Runs one random script of calls against the input of a connection and against a <see cref="Pipe"/>, and compares every result.
/// What a peer sends arrives in pieces, whereas a write to a pipe arrives whole: after sending, the script waits until all of it came.
/// </summary>
internal sealed class ReaderScript(TransportTest.Pair pair, int seed, CancellationToken stop) : IAsyncDisposable
{
    private const int MostUnread = 40_000; // below the limit of unread bytes: beyond, a transport may stop receiving
    private readonly Random _random = new(seed);
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly List<string> _log = [$"seed {seed}"];
    private ValueTask<ReadResult>? _expected; // reads that wait, one on each side
    private ValueTask<ReadResult>? _actual;
    private long _sent;
    private long _consumed;
    private long _examined;
    private bool _ended;
    private bool _moreIsUnderWay; // to a read that waits for still more: cancelled, it would tell how much has arrived
    private bool _cancellationWaits; // for the next read. Until then nothing is sent: waiting for it to arrive would take the cancellation

    public async Task RunAsync(int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            await StepAsync();
        }

        if (_cancellationWaits)
        {
            await ReadAsync(static reader => reader.ReadAsync());
        }

        await EndAsync();
        var last = await ReadAsync(static reader => reader.ReadAsync());
        Check(last is { IsCompleted: true }, "the end is not seen");
    }

    public async ValueTask DisposeAsync()
    {
        await _pipe.Writer.CompleteAsync();
        await _pipe.Reader.CompleteAsync();
    }

    private async Task StepAsync()
    {
        switch (_random.Next(10))
        {
            case 0 or 1 or 2:
                await SendAsync();
                break;
            case 3 when !_moreIsUnderWay:
                Log("CancelPendingRead");
                _pipe.Reader.CancelPendingRead();
                pair.Input.CancelPendingRead();
                _cancellationWaits = _expected is null;
                await ResolveAsync();
                break;
            case 4 or 5 when _expected is null:
                await TryReadAsync();
                break;
            case 6 when _expected is null:
                // A Pipe counts only what was not examined; where nothing was, that is all there is.
                var count = _random.Next(1, 10_000);
                if (count <= _sent - _examined || (_examined == _consumed && !_ended))
                {
                    Log($"ReadAtLeastAsync {count}");
                    await ReadAsync(reader => reader.ReadAtLeastAsync(count, stop));
                }

                break;
            case 7 when _expected is null && _random.Next(4) == 0:
                Log("ReadAsync, cancelled token");
                var cancelled = new CancellationToken(canceled: true);
                await SameErrorAsync(reader => reader.ReadAsync(cancelled));
                break;
            case 8 when _random.Next(60) == 0:
                await EndAsync();
                break;
            default:
                if (_expected is null)
                {
                    Log("ReadAsync");
                    await ReadAsync(reader => reader.ReadAsync(stop));
                }

                break;
        }
    }

    private async Task SendAsync()
    {
        var count = _random.Next(4) == 0 ? _random.Next(1, 12_000) : _random.Next(1, 300);
        if (_ended || _cancellationWaits || _sent + count - _consumed > MostUnread)
        {
            return;
        }

        Log($"send {count}");
        await _pipe.Writer.WriteAsync(Bytes.Make(_sent, count), stop);
        await pair.Peer.SendAsync(Bytes.Make(_sent, count), stop);
        _sent += count;
        await ArrivesAsync();
    }

    private async Task EndAsync()
    {
        if (_ended || _cancellationWaits)
        {
            return;
        }

        Log("end");
        _ended = true;
        await _pipe.Writer.CompleteAsync();
        pair.Peer.EndSending();
        await ArrivesAsync();
    }

    /// <summary>Waits until the connection holds all that was sent. Afterwards both readers have examined as much.</summary>
    private async Task ArrivesAsync()
    {
        if (_expected is not null)
        {
            await ResolveAsync();
            _moreIsUnderWay = _expected is not null;
            return;
        }

        var read = await pair.Input.ReadAsync(stop);
        while (read.Buffer.Length < _sent - _consumed || (_ended && !read.IsCompleted))
        {
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            _examined = _consumed + read.Buffer.Length;
            read = await pair.Input.ReadAsync(stop);
        }

        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.GetPosition(_examined - _consumed));
        if (_pipe.Reader.TryRead(out var same))
        {
            _pipe.Reader.AdvanceTo(same.Buffer.Start, same.Buffer.GetPosition(_examined - _consumed));
        }
    }

    private async Task TryReadAsync()
    {
        var expected = _pipe.Reader.TryRead(out var expectedRead);
        var actual = pair.Input.TryRead(out var actualRead);
        Log($"TryRead: {expected}");
        Check(expected == actual, $"TryRead says {actual}");
        if (expected)
        {
            await TakeAsync(expectedRead, actualRead);
        }
    }

    private async Task<ReadResult?> ReadAsync(Func<PipeReader, ValueTask<ReadResult>> read)
    {
        _expected = read(_pipe.Reader);
        _actual = read(pair.Input);
        return await ResolveAsync();
    }

    /// <summary>When the pipe's read has ended, waits for the connection's too; otherwise both wait.</summary>
    private async Task<ReadResult?> ResolveAsync()
    {
        if (_expected is not { } expected || _actual is not { } actual)
        {
            return null;
        }

        if (!expected.IsCompleted)
        {
            Check(!actual.IsCompleted, "a read ended for which there is nothing");
            return null;
        }

        (_expected, _actual) = (null, null);
        _moreIsUnderWay = false;
        var expectedRead = await expected;
        await TakeAsync(expectedRead, await actual);
        return expectedRead;
    }

    private async Task TakeAsync(ReadResult expected, ReadResult actual)
    {
        // Part of what came with one write may come alone here.
        while (!actual.IsCanceled && (actual.Buffer.Length < expected.Buffer.Length || actual.IsCompleted != expected.IsCompleted))
        {
            Check(actual.Buffer.Length <= expected.Buffer.Length && (expected.IsCompleted || !actual.IsCompleted), "more was read than sent");
            pair.Input.AdvanceTo(actual.Buffer.Start, actual.Buffer.End);
            actual = await pair.Input.ReadAsync(stop);
        }

        Log($"  read {expected.Buffer.Length}{(expected.IsCanceled ? " cancelled" : "")}{(expected.IsCompleted ? " completed" : "")}");
        Check(expected.IsCanceled == actual.IsCanceled, $"IsCanceled is {actual.IsCanceled}");
        Check(expected.IsCompleted == actual.IsCompleted, $"IsCompleted is {actual.IsCompleted}");
        Check(expected.Buffer.Length == actual.Buffer.Length, $"{actual.Buffer.Length} bytes");
        Check(expected.Buffer.ToArray().AsSpan().SequenceEqual(actual.Buffer.ToArray()), "other bytes");
        _cancellationWaits &= !expected.IsCanceled;
        Advance(expected.Buffer, actual.Buffer);
    }

    private void Advance(ReadOnlySequence<byte> expected, ReadOnlySequence<byte> actual)
    {
        var length = expected.Length;
        var consumed = _random.Next(3) switch
        {
            0 => 0,
            1 => length,
            _ => _random.NextInt64(length + 1),
        };
        var examined = Math.Max(Math.Max(consumed, _examined - _consumed), _random.Next(2) == 0 ? length : _random.NextInt64(length + 1));
        if (_random.Next(4) == 0 && consumed >= _examined - _consumed)
        {
            examined = consumed;
            Log($"  AdvanceTo {consumed}");
            _pipe.Reader.AdvanceTo(expected.GetPosition(consumed));
            pair.Input.AdvanceTo(actual.GetPosition(consumed));
        }
        else
        {
            Log($"  AdvanceTo {consumed}, {examined}");
            _pipe.Reader.AdvanceTo(expected.GetPosition(consumed), expected.GetPosition(examined));
            pair.Input.AdvanceTo(actual.GetPosition(consumed), actual.GetPosition(examined));
        }

        _examined = _consumed + examined;
        _consumed += consumed;
    }

    private async Task SameErrorAsync(Func<PipeReader, ValueTask<ReadResult>> read)
    {
        var expected = await Record.ExceptionAsync(async () => await read(_pipe.Reader));
        var actual = await Record.ExceptionAsync(async () => await read(pair.Input));
        Check(expected?.GetType() == actual?.GetType(), $"{actual?.GetType().Name ?? "no error"} instead of {expected?.GetType().Name ?? "none"}");
    }

    private void Log(string line) => _log.Add(line);

    private void Check(bool holds, string what) => Assert.True(holds, $"{what}, after\n{string.Join('\n', _log.TakeLast(30))}");
}
