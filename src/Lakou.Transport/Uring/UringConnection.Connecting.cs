using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport.Uring;

internal sealed partial class UringConnection
{
    private TaskCompletionSource? _connected;
    private byte[] _target = [];
    private bool _isTcp;
    private unsafe byte* _address; // the kernel's until the connect has ended

    /// <summary>Opens the connection. After a failure it is closed already.</summary>
    /// <exception cref="SocketException">Why there is none.</exception>
    /// <exception cref="OperationCanceledException">The token.</exception>
    public async ValueTask ConnectAsync(EndPoint target, CancellationToken cancellationToken)
    {
        // What is wrong with the address is told here, not on the loop.
        _target = SocketAddresses.Write(target);
        _isTcp = target is IPEndPoint;
        _connected = new(RunsInline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        var connected = _connected.Task;
        _loop.Schedule(static state => ((UringConnection)state!).Connect(), this);
        await using var canceled = cancellationToken.UnsafeRegister(
            static state => ((UringConnection)state!).Abort(new ConnectionAbortedException("The connect was cancelled.")), this);
        try
        {
            ObjectDisposedException.ThrowIf(await Task.WhenAny(connected, _loop.Ended) != connected, _transport);
            await connected;
        }
        catch (SocketException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private unsafe void Connect()
    {
        if (_abortReason is not null)
        {
            OnConnected(-Errno.Canceled);
            return;
        }

        var descriptor = Native.CreateSocket(BitConverter.ToUInt16(_target));
        if (descriptor < 0)
        {
            OnConnected(descriptor);
            CloseDescriptor();
            return;
        }

        if (_isTcp)
        {
            const int tcp = 6;          // IPPROTO_TCP
            const int noDelay = 1;      // TCP_NODELAY
            const int socketLevel = 1;  // SOL_SOCKET
            const int keepAlive = 9;    // SO_KEEPALIVE
            const int userTimeout = 18; // TCP_USER_TIMEOUT
            _ = Native.SetOption(descriptor, tcp, noDelay, Options.NoDelay ? 1 : 0);
            _ = Native.SetOption(descriptor, socketLevel, keepAlive, Options.KeepAlive ? 1 : 0);
            if (Options.UserTimeout > TimeSpan.Zero)
            {
                _ = Native.SetOption(descriptor, tcp, userTimeout, (int)Options.UserTimeout.TotalMilliseconds);
            }
        }

        _descriptor = descriptor;
        _slot = _loop.Register(this);
        _address = (byte*)NativeMemory.Alloc(SocketAddresses.MaxBytes);
        _target.CopyTo(new Span<byte>(_address, SocketAddresses.MaxBytes));
        _operations++;
        var connect = _loop.Prepare(Operation.Connect, OperationKind.Connect, _slot, descriptor);
        connect->Address = (ulong)_address;
        connect->Offset = (ulong)_target.Length;
    }

    private unsafe void OnConnected(int result)
    {
        NativeMemory.Free(_address);
        _address = null;
        var connected = Interlocked.Exchange(ref _connected, null)!;
        if (result < 0 || _abortReason is not null)
        {
            Interlocked.CompareExchange(ref _abortReason, new ConnectionAbortedException("The connection was not made."), null);
            _closing = true;
            EndSending();
            EndReceiving(_abortReason);
            connected.TrySetException(Errno.ToException(result < 0 ? -result : Errno.Canceled));
            return;
        }

        Start(_descriptor);
        connected.TrySetResult();
    }
}
