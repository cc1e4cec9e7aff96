using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace Lakou.Transport.Sockets;

/// <summary>Sends the segments of a sequence in one system call (sendmsg). One send at a time; reused without allocating.</summary>
internal sealed class GatherSend : SocketAsyncEventArgs, IValueTaskSource<int>
{
    // 256 KiB of blocks at once: far more than a socket takes without waiting, far less than the kernel's IOV_MAX of 1,024.
    private const int MaxSegments = 64;

    private readonly List<ArraySegment<byte>> _segments = new(MaxSegments);
    private ManualResetValueTaskSourceCore<int> _completion;

    public GatherSend()
        : base(true) // the execution context of whoever sends first is not kept
    {
    }

    /// <returns>Bytes taken by the kernel, counted from the start of <paramref name="buffer"/>; perhaps not all.</returns>
    /// <exception cref="SocketException">The connection is broken.</exception>
    public ValueTask<int> SendAsync(Socket socket, in ReadOnlySequence<byte> buffer)
    {
        _segments.Clear();
        foreach (var memory in buffer)
        {
            if (_segments.Count == MaxSegments)
            {
                break;
            }

            if (!MemoryMarshal.TryGetArray(memory, out var segment))
            {
                throw new InvalidOperationException("A pipe's segment is not an array.");
            }

            _segments.Add(segment);
        }

        BufferList = _segments;
        _completion.Reset();
        if (socket.SendAsync(this))
        {
            return new ValueTask<int>(this, _completion.Version);
        }

        return SocketError == SocketError.Success
            ? new ValueTask<int>(BytesTransferred)
            : ValueTask.FromException<int>(new SocketException((int)SocketError));
    }

    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        if (SocketError == SocketError.Success)
        {
            _completion.SetResult(BytesTransferred);
        }
        else
        {
            _completion.SetException(new SocketException((int)SocketError));
        }
    }

    int IValueTaskSource<int>.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _completion.OnCompleted(continuation, state, token, flags);
}
