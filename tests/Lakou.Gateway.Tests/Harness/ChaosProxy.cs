using System.Net;
using System.Net.Sockets;

namespace Lakou.Gateway.Tests.Harness;

internal enum ChaosKind
{
    Pass,
    Close,
    Silent,
    Delay,
    Stall,
    Reset,
    Throttle,
    Corrupt,
}

/// <summary>What becomes of one connection.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Bytes">Of the answer: how many pass before it is done, or at a time.</param>
/// <param name="Pause">Before the answer, or between its pieces.</param>
internal sealed record Chaos(ChaosKind Kind, int Bytes = 0, TimeSpan Pause = default)
{
    public static Chaos Pass { get; } = new(ChaosKind.Pass);

    /// <summary>Accepted, and closed.</summary>
    public static Chaos Close { get; } = new(ChaosKind.Close);

    /// <summary>Accepted, and never heard of again.</summary>
    public static Chaos Silent { get; } = new(ChaosKind.Silent);

    /// <summary>The first byte of the answer is another.</summary>
    public static Chaos Corrupt { get; } = new(ChaosKind.Corrupt);

    public static Chaos Delay(TimeSpan by) => new(ChaosKind.Delay, 0, by);

    /// <summary>So many bytes of the answer, then nothing.</summary>
    public static Chaos StallAfter(int bytes) => new(ChaosKind.Stall, bytes);

    public static Chaos ResetAfter(int bytes) => new(ChaosKind.Reset, bytes);

    public static Chaos Throttle(int bytes, TimeSpan every) => new(ChaosKind.Throttle, bytes, every);
}

/// <summary>The network between a gateway and an endpoint, as bad as its script: each connection lives by what is said for its number.</summary>
internal sealed class ChaosProxy : IDisposable
{
    private readonly Socket _keeper = Reusable();
    private readonly IPEndPoint _endpoint;
    private readonly TimeProvider _time;
    private readonly HashSet<Socket> _open = [];
    private Socket? _listener;
    private Func<int, Chaos> _script = _ => Chaos.Pass;
    private int _accepted;
    private int _held;
    private int _pausing;

    /// <param name="endpoint">Where connections go.</param>
    /// <param name="time">In which pauses pass.</param>
    public ChaosProxy(string endpoint, TimeProvider time)
    {
        _endpoint = IPEndPoint.Parse(endpoint["http://".Length..]);
        _time = time;
        _keeper.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // the port stays ours while nobody listens
        Url = $"http://{_keeper.LocalEndPoint}";
        Listen();
    }

    public string Url { get; }

    /// <summary>Connections so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Times so far that something was held back: no answer comes until time has passed.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Of them, how many are now waiting for their time to pass.</summary>
    public int Pausing => Volatile.Read(ref _pausing);

    /// <summary>All connections from now on.</summary>
    public void Do(Chaos chaos) => Play(_ => chaos);

    /// <param name="script">What becomes of a connection, by its number from now on.</param>
    public void Play(Func<int, Chaos> script)
    {
        var first = Accepted;
        Volatile.Write(ref _script, number => script(number - first));
        if (_listener is null)
        {
            Listen();
        }
    }

    /// <summary>Nobody listens, until something else is said.</summary>
    public void Refuse()
    {
        _listener?.Dispose();
        _listener = null;
    }

    /// <summary>Breaks the connections that are open.</summary>
    public void ResetAll()
    {
        lock (_open)
        {
            foreach (var socket in _open)
            {
                socket.Close(0);
            }
        }
    }

    public void Dispose()
    {
        Refuse();
        ResetAll();
        _keeper.Dispose();
    }

    private void Listen()
    {
        _listener = Reusable();
        _listener.Bind(_keeper.LocalEndPoint!);
        _listener.Listen();
        _ = AcceptAsync(_listener);
    }

    private static Socket Reusable()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        return socket;
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync();
                var chaos = Volatile.Read(ref _script)(Interlocked.Increment(ref _accepted) - 1);
                _ = ServeAsync(client, chaos);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Refused from here on.
        }
    }

    private async Task ServeAsync(Socket client, Chaos chaos)
    {
        using var _ = client;
        lock (_open)
        {
            _open.Add(client);
        }

        try
        {
            switch (chaos.Kind)
            {
                case ChaosKind.Close:
                    return;
                case ChaosKind.Silent:
                    await HoldAsync(client);
                    return;
            }

            using var endpoint = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await endpoint.ConnectAsync(_endpoint);
            client.NoDelay = true;
            var asking = CopyAsync(client, endpoint);
            await AnswerAsync(endpoint, client, chaos);
            await asking;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Either side has left.
        }
        finally
        {
            lock (_open)
            {
                _open.Remove(client);
            }
        }
    }

    /// <summary>The answer, as far as it may come.</summary>
    private async Task AnswerAsync(Socket endpoint, Socket client, Chaos chaos)
    {
        var buffer = new byte[16 * 1024];
        int count;
        for (var passed = 0; (count = await endpoint.ReceiveAsync(buffer.AsMemory())) > 0; passed += count)
        {
            var piece = buffer.AsMemory(0, count);
            switch (chaos.Kind)
            {
                case ChaosKind.Corrupt when passed == 0:
                    buffer[0] ^= 0xff;
                    break;
                case ChaosKind.Delay when passed == 0:
                    await PauseAsync(chaos.Pause);
                    break;
                case ChaosKind.Throttle:
                    for (; piece.Length > chaos.Bytes; piece = piece[chaos.Bytes..])
                    {
                        await client.SendAsync(piece[..chaos.Bytes]);
                        await PauseAsync(chaos.Pause);
                    }

                    break;
                case ChaosKind.Stall or ChaosKind.Reset when passed + count > chaos.Bytes:
                    await client.SendAsync(piece[..(chaos.Bytes - passed)]);
                    if (chaos.Kind == ChaosKind.Reset)
                    {
                        client.Close(0);
                        return;
                    }

                    Interlocked.Increment(ref _held);
                    return; // and the connection stays, as long as the gateway's side of it
            }

            await client.SendAsync(piece);
        }

        client.Shutdown(SocketShutdown.Send);
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await from.ReceiveAsync(buffer.AsMemory())) > 0)
        {
            await to.SendAsync(buffer.AsMemory(0, count));
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        var passing = Task.Delay(pause, _time); // before it is counted: whoever lets time pass for it finds its timer
        Interlocked.Increment(ref _held);
        Interlocked.Increment(ref _pausing);
        await passing;
        Interlocked.Decrement(ref _pausing);
    }

    private async Task HoldAsync(Socket client)
    {
        Interlocked.Increment(ref _held);
        var buffer = new byte[1024];
        while (await client.ReceiveAsync(buffer.AsMemory()) > 0)
        {
        }
    }
}
