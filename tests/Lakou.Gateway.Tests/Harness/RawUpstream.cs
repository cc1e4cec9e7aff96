using System.Net;
using System.Net.Sockets;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>An endpoint whose every byte the test writes: accepts connections one by one, or plays a script on each.</summary>
internal sealed class RawUpstream : IDisposable
{
    private readonly Socket _listener;
    private int _accepted;

    /// <param name="path">Of a Unix socket; null for TCP.</param>
    public RawUpstream(string? path = null)
    {
        _listener = path is null
            ? new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
            : new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(path is null ? new IPEndPoint(IPAddress.Loopback, 0) : new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        Url = path is null ? $"http://{_listener.LocalEndPoint}" : $"unix:{path}";
    }

    public string Url { get; }

    /// <summary>Connections accepted so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public async Task<RawPeer> AcceptAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var peer = new RawPeer(await _listener.AcceptAsync(patience.Token));
        Interlocked.Increment(ref _accepted);
        return peer;
    }

    /// <summary>Plays the script on every connection until disposed.</summary>
    public RawUpstream Serve(Func<RawPeer, Task> script)
    {
        _ = ServeAsync(script);
        return this;
    }

    /// <summary>Answers the head of each request with the same bytes.</summary>
    public RawUpstream Answer(string response) => Serve(async peer =>
    {
        while (true)
        {
            await peer.ReadHeadAsync();
            await peer.SendAsync(response);
        }
    });

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync(Func<RawPeer, Task> script)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _accepted);
            _ = RunAsync(new RawPeer(socket));
        }

        async Task RunAsync(RawPeer peer)
        {
            using (peer)
            {
                try
                {
                    await script(peer);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or Xunit.Sdk.XunitException)
                {
                    // The gateway ended the connection; what that means, the test asks elsewhere.
                }
            }
        }
    }
}
