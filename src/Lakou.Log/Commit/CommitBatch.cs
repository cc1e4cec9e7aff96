using System.IO.Pipelines;
using Lakou.Core.Disk;
using Lakou.Log.Segments;

namespace Lakou.Log.Commit;

/// <summary>Records that are written together, with room for the head before them, and who waits for them. Guarded by the journal's gate while it fills.</summary>
/// <param name="sync">How it will be written.</param>
internal sealed class CommitBatch(SyncMode sync)
{
    private const int SmallBytes = 64 << 10;

    // A batch this much larger than the last ones gives its memory back.
    private const int KeptBytes = 4 << 20;

    private readonly List<(PipeScheduler? Scheduler, CommitWaiter First)> _waiters = [];
    private int _eachBytes;
    private SectorBuffer _buffer = new(SmallBytes);

    public ulong FirstLsn { get; private set; }

    public int Records { get; private set; }

    /// <summary>From the head to the end of the last record.</summary>
    public int Length { get; private set; } = BatchFormat.HeadBytes;

    /// <summary>What it takes of a file: as one batch, or as one for each record.</summary>
    public int DiskBytes => sync == SyncMode.Each ? _eachBytes : Records == 0 ? 0 : BatchFormat.Align(Length);

    /// <summary>Callers that wait for it.</summary>
    public int Waiting { get; private set; }

    public ulong NextLsn => FirstLsn + (ulong)Records;

    /// <summary>Head and records.</summary>
    public Span<byte> Bytes => _buffer.Span[..Length];

    public void Begin(ulong firstLsn)
    {
        if (_buffer.Length > KeptBytes && Length < KeptBytes / 4)
        {
            _buffer = new(SmallBytes);
        }

        (FirstLsn, Records, Length, Waiting, _eachBytes) = (firstLsn, 0, BatchFormat.HeadBytes, 0, 0);
        _waiters.Clear();
    }

    /// <summary>The same with one record more.</summary>
    public long DiskBytesWith(int payload) => sync == SyncMode.Each
        ? _eachBytes + (long)BatchFormat.Align(BatchFormat.HeadBytes + BatchFormat.RecordBytes(payload))
        : BatchFormat.Align(Length + BatchFormat.RecordBytes(payload));

    public void Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var bytes = BatchFormat.RecordBytes(first.Length + second.Length);
        Reserve(BatchFormat.Align(Length + bytes) + BatchFormat.EndBytes);
        BatchFormat.WriteRecord(_buffer.Span.Slice(Length, bytes), first, second);
        Length += bytes;
        Records++;
        _eachBytes += BatchFormat.Align(BatchFormat.HeadBytes + bytes);
    }

    public void Add(CommitWaiter waiter)
    {
        Waiting++;
        for (var i = 0; i < _waiters.Count; i++)
        {
            if (_waiters[i].Scheduler == waiter.Scheduler)
            {
                waiter.Next = _waiters[i].First;
                _waiters[i] = (waiter.Scheduler, waiter);
                return;
            }
        }

        waiter.Next = null;
        _waiters.Add((waiter.Scheduler, waiter));
    }

    /// <summary>The batch with its head, and zeros to the alignment and to the end mark.</summary>
    public ReadOnlySpan<byte> Seal(in BatchHead head, BatchPlace place, out uint checksum)
    {
        checksum = BatchFormat.Seal(Bytes, head, place);
        var whole = _buffer.Span[..(BatchFormat.Align(Length) + BatchFormat.EndBytes)];
        whole[Length..].Clear();
        return whole;
    }

    /// <summary>One completion for all that wait on the same scheduler.</summary>
    public void Release(Exception? failure)
    {
        Action<object?> complete = failure is null ? CompleteAll : Failing(failure);
        foreach (var (scheduler, first) in _waiters)
        {
            (scheduler ?? PipeScheduler.ThreadPool).Schedule(complete, first);
        }

        _waiters.Clear();
        Waiting = 0;
    }

    private static void CompleteAll(object? first) => CompleteAll(first, null);

    private static Action<object?> Failing(Exception failure) => first => CompleteAll(first, failure); // of its own: a closure is made where its method begins

    private static void CompleteAll(object? first, Exception? failure)
    {
        for (var waiter = (CommitWaiter?)first; waiter is not null;)
        {
            var next = waiter.Next; // its continuation may give it to somebody else
            waiter.Complete(failure);
            waiter = next;
        }
    }

    private void Reserve(int bytes)
    {
        if (bytes <= _buffer.Length)
        {
            return;
        }

        var larger = new SectorBuffer(Math.Max(bytes, _buffer.Length * 2));
        Bytes.CopyTo(larger.Span);
        _buffer = larger;
    }
}
