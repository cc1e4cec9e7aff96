using System.Diagnostics;

namespace Lakou.Transport.Uring;

/// <summary>
/// A pair of queues that we share with the kernel: submissions go down, completions come up. One thread makes it and uses it.
/// <code>
///             tail (ours)                               tail (kernel's)
///  submissions ──┴─► kernel: at Enter        completions ─┴─► us: TryNext
///             head (kernel's)                           head (ours)
/// </code>
/// </summary>
internal sealed unsafe class Ring : IDisposable
{
    private const uint GetEvents = 1 << 0;           // IORING_ENTER_GETEVENTS: without it deferred work is not done
    private const uint RegisteredRing = 1 << 4;      // IORING_ENTER_REGISTERED_RING
    private const uint RegisterRings = 20;           // IORING_REGISTER_RING_FDS
    private const long SubmissionsOffset = 0x10000000; // IORING_OFF_SQES

    private readonly int _descriptor;
    private readonly byte* _rings;
    private readonly nuint _ringsBytes;
    private readonly Submission* _submissions;
    private readonly nuint _submissionsBytes;
    private readonly uint* _submissionHead;
    private readonly uint* _submissionTail;
    private readonly uint _submissionMask;
    private readonly uint _submissionEntries;
    private readonly uint* _completionHead;
    private readonly uint* _completionTail;
    private readonly uint _completionMask;
    private readonly Completion* _completions;
    private readonly int _enterDescriptor;
    private readonly uint _enterFlags;
    private readonly Queue<Completion> _aside = new();
    private uint _tail;      // submissions prepared
    private uint _submitted; // submissions that the kernel has taken
    private uint _head;      // completions taken
    private uint _seen;      // completions known to be there

    /// <param name="entries">Submissions that may wait for one <see cref="Enter"/>; a power of two. There are eight times as many completions.</param>
    /// <exception cref="PlatformNotSupportedException">The kernel does not have all of it; the message says what.</exception>
    public Ring(uint entries)
    {
        var parameters = new RingParameters
        {
            Flags = RingParameters.SingleIssuer | RingParameters.DeferTaskRun | RingParameters.SubmitAll | RingParameters.CompletionSize,
            CompletionEntries = entries * 8,
        };
        _descriptor = Native.Setup(entries, &parameters);
        if (_descriptor < 0)
        {
            throw new PlatformNotSupportedException(-_descriptor switch
            {
                Errno.NoSystemCall => "this kernel, or a filter of system calls, has no io_uring",
                Errno.NotPermitted => "io_uring is not permitted here (kernel.io_uring_disabled, or a filter of system calls)",
                Errno.Invalid => "this kernel is older than Linux 6.1",
                Errno.NoMemory => "no memory for a ring (ulimit -l)",
                _ => $"io_uring_setup failed with error {-_descriptor}",
            });
        }

        const uint needed = RingParameters.SingleMap | RingParameters.NoDrop;
        _ringsBytes = Math.Max(parameters.SubmissionArray + (parameters.SubmissionEntries * sizeof(uint)), parameters.Completions + (parameters.CompletionEntries * (uint)sizeof(Completion)));
        _submissionsBytes = parameters.SubmissionEntries * (uint)sizeof(Submission);
        _rings = Native.MapRing(_descriptor, _ringsBytes, 0);
        _submissions = (Submission*)Native.MapRing(_descriptor, _submissionsBytes, SubmissionsOffset);
        if (_rings is null || _submissions is null || (parameters.Features & needed) != needed)
        {
            Dispose();
            throw new PlatformNotSupportedException("the memory of a ring cannot be mapped");
        }

        HasBundles = (parameters.Features & RingParameters.Bundles) != 0;
        _submissionHead = (uint*)(_rings + parameters.SubmissionHead);
        _submissionTail = (uint*)(_rings + parameters.SubmissionTail);
        _submissionMask = *(uint*)(_rings + parameters.SubmissionMask);
        _submissionEntries = parameters.SubmissionEntries;
        _completionHead = (uint*)(_rings + parameters.CompletionHead);
        _completionTail = (uint*)(_rings + parameters.CompletionTail);
        _completionMask = *(uint*)(_rings + parameters.CompletionMask);
        _completions = (Completion*)(_rings + parameters.Completions);
        var array = (uint*)(_rings + parameters.SubmissionArray);
        for (var i = 0u; i < _submissionEntries; i++)
        {
            array[i] = i; // submissions are used in the order of their places, for ever
        }

        // A registered ring spares each Enter the look-up of its descriptor.
        var update = new ResourceUpdate { Offset = uint.MaxValue, Data = (ulong)_descriptor };
        var registered = Native.Register(_descriptor, RegisterRings, &update, 1) == 1;
        (_enterDescriptor, _enterFlags) = registered ? ((int)update.Offset, GetEvents | RegisteredRing) : (_descriptor, GetEvents);
        if (Native.Enter(_enterDescriptor, 0, 0, _enterFlags) < 0)
        {
            Dispose();
            throw new PlatformNotSupportedException("io_uring_enter is not permitted here");
        }
    }

    public int Descriptor => _descriptor;

    /// <summary>One receive may fill several buffers (Linux 6.10).</summary>
    public bool HasBundles { get; }

    /// <summary>Operations that wait for the next <see cref="Enter"/>.</summary>
    public bool HasPrepared => _tail != _submitted;

    /// <summary>A cleared place for the next operation; it goes to the kernel with the next <see cref="Enter"/>, or now if there is no room.</summary>
    public Submission* Prepare()
    {
        while (_tail - Volatile.Read(ref *_submissionHead) >= _submissionEntries)
        {
            SubmitAll(); // the queue is full: what is prepared goes first
        }

        var submission = &_submissions[_tail++ & _submissionMask];
        *submission = default;
        return submission;
    }

    /// <summary>Gives the kernel what was prepared. When it wants its completions taken first, they are put aside.</summary>
    public void SubmitAll()
    {
        while (_tail != _submitted)
        {
            Enter(0);
            while (_tail != _submitted && TryTake(out var completion))
            {
                _aside.Enqueue(completion);
            }
        }
    }

    /// <summary>Gives the kernel what was prepared, lets it work, and waits for completions.</summary>
    /// <param name="minComplete">0 does not wait.</param>
    public void Enter(uint minComplete)
    {
        Volatile.Write(ref *_submissionTail, _tail);
        var taken = Native.Enter(_enterDescriptor, _tail - _submitted, minComplete, _enterFlags);
        if (taken >= 0)
        {
            _submitted += (uint)taken;
            return;
        }

        // Interrupted: by a signal. Busy, again, no memory: the kernel wants its completions taken first; the next Enter brings the rest.
        if (-taken is not (Errno.Interrupted or Errno.Busy or Errno.Again or Errno.NoMemory))
        {
            throw new UnreachableException($"io_uring_enter failed with error {-taken}");
        }

        _submitted = Volatile.Read(ref *_submissionHead); // an error may come after some were taken
    }

    /// <summary>The next completion, if one is here.</summary>
    public bool TryNext(out Completion completion) => (_aside.Count > 0 && _aside.TryDequeue(out completion)) || TryTake(out completion);

    /// <summary>Ends everything that the kernel still does for it.</summary>
    public void Dispose()
    {
        if (_rings is not null)
        {
            Native.Unmap(_rings, _ringsBytes);
        }

        if (_submissions is not null)
        {
            Native.Unmap((byte*)_submissions, _submissionsBytes);
        }

        _ = Native.Close(_descriptor);
    }

    private bool TryTake(out Completion completion)
    {
        if (_head == _seen)
        {
            Volatile.Write(ref *_completionHead, _head); // their places are the kernel's again
            _seen = Volatile.Read(ref *_completionTail);
            if (_head == _seen)
            {
                completion = default;
                return false;
            }
        }

        completion = _completions[_head++ & _completionMask];
        return true;
    }
}
