using System.Runtime.InteropServices;

namespace Lakou.Transport.Uring;

// The kernel's structures, from linux/io_uring.h. Little is used of each; what is not is left zero.

/// <summary>
/// struct io_uring_sqe: an operation to do.
/// <code>
///  0 opcode u8 | 1 flags u8 | 2 ioprio u16 | 4 fd s32 | 8 off u64 | 16 addr u64 | 24 len u32 | 28 op_flags u32 | 32 user_data u64 | 40 buf_group u16 | 42 … 64
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct Submission
{
    [FieldOffset(0)]
    public Operation Operation;

    [FieldOffset(1)]
    public byte Flags;

    [FieldOffset(2)]
    public ushort Priority;

    [FieldOffset(4)]
    public int Descriptor;

    /// <summary>For connect: bytes of the address.</summary>
    [FieldOffset(8)]
    public ulong Offset;

    [FieldOffset(16)]
    public ulong Address;

    [FieldOffset(24)]
    public uint Length;

    [FieldOffset(28)]
    public uint OperationFlags;

    [FieldOffset(32)]
    public ulong UserData;

    [FieldOffset(40)]
    public ushort BufferGroup;
}

/// <summary>
/// struct io_uring_cqe: what came of one.
/// <code> 0 user_data u64 | 8 res s32 | 12 flags u32 </code>
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Completion
{
    public const uint HasBuffer = 1;  // IORING_CQE_F_BUFFER: the buffer's id in the upper half of the flags
    public const uint HasMore = 2;    // IORING_CQE_F_MORE: the operation goes on

    public ulong UserData;
    public int Result;
    public uint Flags;

    public readonly int BufferId => (int)(Flags >> 16);
}

/// <summary>IORING_OP_*.</summary>
internal enum Operation : byte
{
    SendMessage = 9,
    Accept = 13,
    Cancel = 14,
    Connect = 16,
    Read = 22,
    Send = 26,
    Receive = 27,
}

/// <summary>
/// struct io_uring_params, 120 bytes: what is asked of a ring, and where its parts lie.
/// <code>
///  0 sq_entries | 4 cq_entries | 8 flags | 12 sq_thread_cpu | 16 sq_thread_idle | 20 features | 24 wq_fd | 28 resv[3]
/// 40 sq_off: head tail ring_mask ring_entries flags dropped array resv1 (u32 each) user_addr u64
/// 80 cq_off: head tail ring_mask ring_entries overflow cqes flags resv1 (u32 each) user_addr u64
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct RingParameters
{
    public const uint CompletionSize = 1 << 3;   // IORING_SETUP_CQSIZE
    public const uint SubmitAll = 1 << 7;        // IORING_SETUP_SUBMIT_ALL: a bad submission does not stop those behind it
    public const uint SingleIssuer = 1 << 12;    // IORING_SETUP_SINGLE_ISSUER: one thread submits
    public const uint DeferTaskRun = 1 << 13;    // IORING_SETUP_DEFER_TASKRUN: completions are worked on when we enter, never in between (Linux 6.1)

    public const uint SingleMap = 1 << 0;        // IORING_FEAT_SINGLE_MMAP
    public const uint NoDrop = 1 << 1;           // IORING_FEAT_NODROP: completions beyond the ring are kept by the kernel

    public const uint Bundles = 1 << 14;         // IORING_FEAT_RECVSEND_BUNDLE

    [FieldOffset(0)]
    public uint SubmissionEntries;

    [FieldOffset(4)]
    public uint CompletionEntries;

    [FieldOffset(8)]
    public uint Flags;

    [FieldOffset(20)]
    public uint Features;

    [FieldOffset(40)]
    public uint SubmissionHead;

    [FieldOffset(44)]
    public uint SubmissionTail;

    [FieldOffset(48)]
    public uint SubmissionMask;

    [FieldOffset(64)]
    public uint SubmissionArray;

    [FieldOffset(80)]
    public uint CompletionHead;

    [FieldOffset(84)]
    public uint CompletionTail;

    [FieldOffset(88)]
    public uint CompletionMask;

    [FieldOffset(100)]
    public uint Completions;
}

/// <summary>
/// struct io_uring_buf: a buffer that the kernel may receive into. In the first one of a ring the last field is the ring's tail.
/// <code> 0 addr u64 | 8 len u32 | 12 bid u16 | 14 resv u16 (tail) </code>
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProvidedBuffer
{
    public ulong Address;
    public uint Length;
    public ushort Id;
    public ushort Tail;
}

/// <summary>
/// struct io_uring_buf_reg.
/// <code> 0 ring_addr u64 | 8 ring_entries u32 | 12 bgid u16 | 14 flags u16 | 16 resv[3] u64 </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct BufferRingRegistration
{
    [FieldOffset(0)]
    public ulong Address;

    [FieldOffset(8)]
    public uint Entries;

    [FieldOffset(12)]
    public ushort Group;
}

/// <summary>
/// struct io_uring_rsrc_update, for registering the ring's own descriptor.
/// <code> 0 offset u32 | 4 resv u32 | 8 data u64 </code>
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResourceUpdate
{
    public uint Offset;
    public uint Reserved;
    public ulong Data;
}

/// <summary>
/// struct msghdr on 64 bits, 56 bytes.
/// <code> 0 name ptr | 8 namelen u32 | 16 iov ptr | 24 iovlen u64 | 32 control ptr | 40 controllen u64 | 48 flags s32 </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
internal struct MessageHeader
{
    [FieldOffset(16)]
    public ulong Vectors;

    [FieldOffset(24)]
    public ulong VectorCount;
}

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Vector
{
    public ulong Address;
    public ulong Length;
}
