using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Load;

/// <summary>What <see cref="HttpConnection.Receive"/> found.</summary>
internal enum Progress
{
    /// <summary>The answer is not complete.</summary>
    Waiting,

    /// <summary>200, to the last byte.</summary>
    Answered,

    /// <summary>Another status, to the last byte.</summary>
    Refused,

    /// <summary>The connection is closed, or the answer is none of those that are understood here.</summary>
    Broken,
}

/// <summary>A keep-alive HTTP/1.1 connection with one GET at a time. Nothing waits. Answers are small and have a Content-Length.</summary>
internal sealed class HttpConnection : IDisposable
{
    // A head and 122 bytes of JSON fit many times.
    private readonly byte[] _buffer = new byte[8192];
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _request;
    private int _filled;

    public HttpConnection(IPEndPoint address, string path)
    {
        _request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        _socket.Connect(address);
        _socket.Blocking = false;
    }

    /// <summary>When the request in flight was due, from the start of the run.</summary>
    public TimeSpan Due { get; private set; }

    /// <summary>When the last answer was complete.</summary>
    public TimeSpan FreeSince { get; set; }

    public bool TrySend(TimeSpan due)
    {
        Due = due;
        _filled = 0;
        return _socket.Send(_request, SocketFlags.None, out var error) == _request.Length && error == SocketError.Success;
    }

    public Progress Receive()
    {
        var count = _socket.Receive(_buffer.AsSpan(_filled), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
        {
            return Progress.Waiting;
        }

        if (error != SocketError.Success || count == 0)
        {
            return Progress.Broken;
        }

        _filled += count;
        return Read(_buffer.AsSpan(0, _filled));
    }

    public void Dispose() => _socket.Dispose();

    private static Progress Read(ReadOnlySpan<byte> received)
    {
        var length = HttpAnswer.LengthOf(received);
        if (length == received.Length)
        {
            return received.StartsWith("HTTP/1.1 200 "u8) ? Progress.Answered : Progress.Refused;
        }

        return length == 0 || length > received.Length ? Progress.Waiting : Progress.Broken;
    }
}
