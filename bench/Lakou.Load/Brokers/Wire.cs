using System.Net;
using System.Net.Sockets;

namespace Lakou.Load.Brokers;

/// <summary>A connection and what came in and was not yet taken.</summary>
internal sealed class Wire : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;

    public ReadOnlySpan<byte> Received => _buffer.AsSpan(_start, _end - _start);

    public static async Task<Wire> ConnectAsync(IPEndPoint address)
    {
        var wire = new Wire();
        try
        {
            await wire._socket.ConnectAsync(address);
            return wire;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    public ValueTask<int> SendAsync(ReadOnlyMemory<byte> bytes) => _socket.SendAsync(bytes);

    /// <summary>At least one byte more.</summary>
    public async ValueTask ReceiveAsync()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            MakeRoom();
        }

        var count = await _socket.ReceiveAsync(_buffer.AsMemory(_end));
        _end += count > 0 ? count : throw new BrokerException("The connection was closed.");
    }

    public void Take(int count) => _start += count;

    public void Dispose() => _socket.Dispose();

    private void MakeRoom()
    {
        var larger = _start > _buffer.Length / 2 ? _buffer : new byte[_buffer.Length * 2];
        Received.CopyTo(larger);
        (_buffer, _end, _start) = (larger, _end - _start, 0);
    }
}
