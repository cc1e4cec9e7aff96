using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>An endpoint that speaks TLS, every byte of which the test writes: it plays a script on each connection.</summary>
internal sealed class TlsUpstream : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly SslServerAuthenticationOptions _options;
    private readonly Func<TlsUpstream, SslStream, Task> _script;
    private int _accepted;

    /// <param name="certificate">Path of a .pem and a .key.</param>
    /// <param name="script">Played once the handshake is done.</param>
    /// <param name="change">What else the handshake has.</param>
    public TlsUpstream(string certificate, Func<TlsUpstream, SslStream, Task> script, Action<SslServerAuthenticationOptions>? change = null)
    {
        _script = script;
        _options = new()
        {
            ServerCertificate = X509Certificate2.CreateFromPemFile(certificate + ".pem", certificate + ".key"),
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
        change?.Invoke(_options);
        _listener.Start();
        _ = ServeAsync();
    }

    public string Url => $"https://{_listener.LocalEndpoint}";

    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Of each handshake: the name asked for, the protocol agreed on, the subject of the client's certificate.</summary>
    public ConcurrentQueue<(string Name, string Protocol, string? Client)> Handshakes { get; } = new();

    /// <summary>Answers each request, which has no body, with the same bytes.</summary>
    public static Func<TlsUpstream, SslStream, Task> Answering(string response) => async (_, stream) =>
    {
        while (await ReadHeadAsync(stream) is { Length: > 0 })
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(response));
        }
    };

    /// <summary>Empty at the end.</summary>
    public static async Task<string> ReadHeadAsync(SslStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) == 1)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                _ = RunAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task RunAsync(TcpClient client)
    {
        Interlocked.Increment(ref _accepted);
        using (client)
        {
            await using var stream = new SslStream(client.GetStream());
            try
            {
                await stream.AuthenticateAsServerAsync(_options);
                Handshakes.Enqueue((stream.TargetHostName, stream.NegotiatedApplicationProtocol.ToString(), stream.RemoteCertificate?.Subject));
                await _script(this, stream);
            }
            catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException or ObjectDisposedException)
            {
                // The gateway ended the connection; what that means, the test asks elsewhere.
            }
        }
    }
}
