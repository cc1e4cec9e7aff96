using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

/// <summary>
/// An event loop: a thread, its ring, and everything whose operations run on it. A turn:
/// <code>
///  1. posted      what other threads asked for
///  2. ready       continuations of connections that have something to read, or room to write
///  3. sends       what was flushed in this turn, one send a connection
///  4. enter       all submissions to the kernel, in one call; it sleeps when nothing is left to do
///  5. completions taken, all of them, before any continuation runs
/// </code>
/// What runs here must not block: every connection of the loop waits meanwhile.
/// </summary>
internal sealed unsafe class Loop : PipeScheduler, IOperations
{
    private const uint RingEntries = 1024;

    // User data: | kind 8 | check 24 | slot 32 |. The check is the slot's count of uses, so that a completion never reaches a later owner.
    private const int KindShift = 56;
    private const int CheckShift = 32;
    private const uint CheckMask = 0xFFFFFF;

    [ThreadStatic]
    private static Loop? t_current;

    private readonly ConcurrentQueue<(Action<object?> Action, object? State)> _posted = new();
    private readonly List<UringConnection> _ready = [];
    private readonly List<UringConnection> _sends = [];
    private readonly List<UringConnection> _starved = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly int _wakeDescriptor;
    private readonly ulong* _wakeBuffer;
    private readonly MessageHeader* _headers;
    private readonly Vector* _vectors;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _started = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (IOperations? Owner, uint Check)[] _slots = new (IOperations?, uint)[256];
    private int _slotsUsed;
    private Ring _ring = null!;
    private BufferRing _buffers = null!;
    private int _asleep;
    private volatile bool _stopping;
    private int _messages; // headers and vectors used since the last Enter
    private long _progress;
    private object? _running;

    /// <exception cref="PlatformNotSupportedException">No descriptor is left.</exception>
    public Loop(int number, BlockPool pool, TransportOptions options)
    {
        Number = number;
        Blocks = new LoopBlocks(pool);
        Options = options;
        _wakeDescriptor = Native.EventDescriptor();
        if (_wakeDescriptor < 0)
        {
            throw new PlatformNotSupportedException("no descriptor is left for an event loop (ulimit -n)");
        }

        _wakeBuffer = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        _headers = (MessageHeader*)NativeMemory.AllocZeroed(MessagesMax, (nuint)sizeof(MessageHeader));
        _vectors = (Vector*)NativeMemory.Alloc(MessagesMax * VectorsMax, (nuint)sizeof(Vector));
        _thread = new Thread(Run) { IsBackground = true, Name = $"lakou-loop-{number}" };
    }

#pragma warning disable MA0055 // Not when the loop ends: another thread may be about to wake it, and the kernel may still read into the buffer.
    ~Loop()
#pragma warning restore MA0055
    {
        _ = Native.Close(_wakeDescriptor);
        NativeMemory.Free(_wakeBuffer);
        NativeMemory.Free(_headers);
        NativeMemory.Free(_vectors);
    }

    /// <summary>Pieces that one send takes: 1 MiB of blocks, which is more than a socket takes at once.</summary>
    public const int VectorsMax = 64;

    // Sends of several pieces between two calls of the kernel, which copies their headers and vectors then; 70 KiB.
    private const int MessagesMax = 64;

    /// <summary>The loop whose thread this is.</summary>
    public static Loop? Current => t_current;

    public int Number { get; }

    public LoopBlocks Blocks { get; }

    public TransportOptions Options { get; }

    /// <summary>Blocks that wait for the kernel to fill them, and those kept for later.</summary>
    public int IdleBlocks => Blocks.Count + (_ended.Task.IsCompleted ? 0 : BufferRing.Entries);

    public bool IsCurrent => t_current == this;

    /// <summary>When this turn began, by the transport's clock.</summary>
    public long Now { get; private set; }

    /// <summary>Goes up with every step; it stands still while the loop sleeps or is held up.</summary>
    public long Progress => Volatile.Read(ref _progress);

    public bool IsAsleep => Volatile.Read(ref _asleep) != 0;

    /// <summary>What runs right now: a connection, or the state of what was posted. A guess, for messages.</summary>
    public object? Running => Volatile.Read(ref _running);

    /// <exception cref="PlatformNotSupportedException">There can be no ring; the message says why.</exception>
    public void Start()
    {
        _thread.Start();
        _started.Task.GetAwaiter().GetResult();
    }

    /// <summary>At once when the caller is on the loop, else with its next turn.</summary>
    public override void Schedule(Action<object?> action, object? state)
    {
        if (IsCurrent)
        {
            action(state);
        }
        else
        {
            Post(action, state);
        }
    }

    /// <summary>With the loop's next turn.</summary>
    public void Post(Action<object?> action, object? state)
    {
        _posted.Enqueue((action, state));
        Interlocked.MemoryBarrier(); // pairs with the loop's, between falling asleep and its last look
        if (Volatile.Read(ref _asleep) != 0 && Interlocked.Exchange(ref _asleep, 0) != 0)
        {
            Native.Signal(_wakeDescriptor);
        }
    }

    /// <summary>The loop has ended; what is posted now is never done.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Ends the loop once nothing has an operation under way any more.</summary>
    public Task StopAsync()
    {
        Post(
            static state =>
            {
                var loop = (Loop)state!;
                loop._stopping = true;
                foreach (var (owner, _) in loop._slots.AsSpan(0, loop._slotsUsed).ToArray())
                {
                    owner?.Stop();
                }
            },
            this);
        return _ended.Task;
    }

    /// <summary>On the loop: a place in its table.</summary>
    public int Register(IOperations owner)
    {
        if (!_freeSlots.TryPop(out var slot))
        {
            slot = _slotsUsed++;
            if (slot == _slots.Length)
            {
                Array.Resize(ref _slots, slot * 2);
            }
        }

        _slots[slot].Owner = owner;
        if (_stopping)
        {
            Post(static late => ((IOperations)late!).Stop(), owner);
        }

        return slot;
    }

    /// <summary>On the loop: gives a place back. No operation of its owner is under way.</summary>
    public void Unregister(int slot)
    {
        ref var place = ref _slots[slot];
        place.Owner = null;
        place.Check = (place.Check + 1) & CheckMask;
        _freeSlots.Push(slot);
    }

    /// <summary>On the loop: an operation to fill in. It goes to the kernel at the end of the turn.</summary>
    public Submission* Prepare(Operation operation, OperationKind kind, int slot, int descriptor)
    {
        var submission = _ring.Prepare();
        submission->Operation = operation;
        submission->Descriptor = descriptor;
        submission->UserData = UserData(kind, slot);
        return submission;
    }

    public ulong UserData(OperationKind kind, int slot) => ((ulong)kind << KindShift) | ((ulong)_slots[slot].Check << CheckShift) | (uint)slot;

    /// <inheritdoc cref="Ring.HasBundles"/>
    public bool HasBundles => _ring.HasBundles;

    /// <inheritdoc cref="BufferRing.Take"/>
    public Block Take(int id, out int next) => _buffers.Take(id, out next);

    /// <summary>On the loop: its continuations run once all completions are taken.</summary>
    public void Ready(UringConnection connection) => _ready.Add(connection);

    /// <summary>On the loop: there was no buffer for it; it receives again when there are.</summary>
    public void ReceiveLater(UringConnection connection) => _starved.Add(connection);

    /// <summary>On the loop: it sends at the end of the turn.</summary>
    public void SendLater(UringConnection connection) => _sends.Add(connection);

    /// <summary>On the loop: room for the pieces of one send.</summary>
    public Span<Vector> Vectors
    {
        get
        {
            if (_messages == MessagesMax)
            {
                _ring.SubmitAll();
                _messages = 0;
            }

            return new(_vectors + (_messages * VectorsMax), VectorsMax);
        }
    }

    /// <summary>On the loop: sends the first pieces of <see cref="Vectors"/>.</summary>
    public void Send(int slot, int descriptor, int pieces)
    {
        const uint waitAll = 0x100;    // MSG_WAITALL: all of it, however small the socket's buffer is
        const uint noSignal = 0x4000;  // MSG_NOSIGNAL
        var vectors = _vectors + (_messages * VectorsMax);
        var send = _ring.Prepare();
        send->Descriptor = descriptor;
        send->UserData = UserData(OperationKind.Send, slot);
        send->OperationFlags = waitAll | noSignal;
        if (pieces == 1)
        {
            send->Operation = Operation.Send;
            send->Address = vectors->Address;
            send->Length = (uint)vectors->Length;
            return;
        }

        var header = _headers + _messages++;
        header->Vectors = (ulong)vectors;
        header->VectorCount = (ulong)pieces;
        send->Operation = Operation.SendMessage;
        send->Address = (ulong)header;
        send->Length = 1;
    }

    void IOperations.OnCompleted(OperationKind kind, in Completion completion) => ReadWake();

    void IOperations.Stop()
    {
    }

    private void Run()
    {
        t_current = this;
        Blocks.Enter();
        try
        {
            _ring = new Ring(RingEntries);
            try
            {
                _buffers = new BufferRing(_ring, Blocks);
            }
            catch
            {
                _ring.Dispose();
                throw;
            }
        }
        catch (PlatformNotSupportedException e)
        {
            _started.SetException(e);
            Blocks.Leave();
            return;
        }

        var self = Register(this);
        Debug.Assert(self == 0, "The loop's own place is the first.");
        ReadWake();
        _started.SetResult();
        while (!IsDone)
        {
            Turn();
        }

        _ring.Dispose();
        _buffers.Dispose();
        Blocks.Leave();
        t_current = null;
        _ended.SetResult();
    }

    /// <summary>It was asked to end, and only its own place is taken.</summary>
    private bool IsDone => _stopping && _slotsUsed - _freeSlots.Count == 1 && _posted.IsEmpty;

    private void Turn()
    {
        // 1. What other threads asked for. Not more than is here now: what they ask meanwhile waits its turn.
        for (var count = _posted.Count; count > 0 && _posted.TryDequeue(out var posted); count--)
        {
            Step(posted.State);
            posted.Action(posted.State);
        }

        // 2. Continuations. They may make others ready.
        for (var i = 0; i < _ready.Count; i++)
        {
            var connection = _ready[i];
            Step(connection);
            connection.RunReady();
        }

        _ready.Clear();

        // 3. Sends.
        for (var i = 0; i < _sends.Count; i++)
        {
            _sends[i].Send();
        }

        _sends.Clear();
        Step(null);

        // 4. The kernel.
        _buffers.Publish();
        foreach (var connection in _starved)
        {
            connection.Receive();
        }

        _starved.Clear();
        var sleeps = _ready.Count == 0 && _posted.IsEmpty && !IsDone;
        if (sleeps)
        {
            Volatile.Write(ref _asleep, 1);
            Interlocked.MemoryBarrier(); // pairs with Post's
            sleeps = _posted.IsEmpty;
        }

        _ring.Enter(sleeps ? 1u : 0u);
        if (!_ring.HasPrepared)
        {
            _messages = 0;
        }

        Volatile.Write(ref _asleep, 0);
        Now = Options.Time.GetTimestamp();

        // 5. What came of it.
        while (_ring.TryNext(out var completion))
        {
            var slot = (int)(uint)completion.UserData;
            var (owner, check) = _slots[slot];
            if (owner is null || check != ((completion.UserData >> CheckShift) & CheckMask))
            {
                throw new UnreachableException($"A completion came for {completion.UserData:X}, whose owner has left.");
            }

            owner.OnCompleted((OperationKind)(completion.UserData >> KindShift), completion);
        }
    }

    private void Step(object? running)
    {
        _progress++;
        _running = running;
    }

    private void ReadWake()
    {
        var read = Prepare(Operation.Read, OperationKind.Wake, 0, _wakeDescriptor);
        read->Address = (ulong)_wakeBuffer;
        read->Length = sizeof(ulong);
    }
}
