using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>First flights of TLS clients: real ones, and ones put together byte by byte.</summary>
internal static class Hello
{
    /// <summary>What SslStream sends first.</summary>
    public static async Task<byte[]> OfSslStreamAsync(string name, int protocols = 0)
    {
        await using var wire = new Wire();
        await using var tls = new SslStream(wire);
        await Assert.ThrowsAnyAsync<Exception>(() => tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ApplicationProtocols = [.. Enumerable.Range(0, protocols).Select(i => new SslApplicationProtocol($"protocol-{i:0000}"))],
        }));
        return wire.Sent.ToArray();
    }

    /// <summary>What <c>openssl s_client</c> sends first; skips the test when it is not installed.</summary>
    public static async Task<byte[]> OfOpensslAsync(params string[] arguments)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, "openssl")).FirstOrDefault(File.Exists);
        Assert.SkipUnless(path is not null, "openssl is not installed (Debian package openssl)");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var openssl = Process.Start(new ProcessStartInfo(path!, ["s_client", "-connect", $"{listener.LocalEndpoint}", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var accepted = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
        var received = new List<byte>();
        var buffer = new byte[64 * 1024];
        while (received.Count < 5 || received.Count < 5 + BinaryPrimitives.ReadUInt16BigEndian([received[3], received[4]]))
        {
            received.AddRange(buffer.AsSpan(0, await accepted.ReceiveAsync(buffer, TestContext.Current.CancellationToken)));
        }

        accepted.Dispose();
        openssl.StandardInput.Close();
        await openssl.WaitForExitAsync(TestContext.Current.CancellationToken);
        return [.. received];
    }

    /// <summary>A ClientHello in one record.</summary>
    /// <param name="name">Null for none.</param>
    /// <param name="keyShare">Bytes of key_share: 1,216 are X25519MLKEM768's.</param>
    /// <param name="more">Whole extensions to append.</param>
    public static byte[] With(string? name, int keyShare = 36, params byte[][] more) => With(name is null ? [] : [ServerName(name)], keyShare, more);

    public static byte[] With(byte[][] serverNames, int keyShare, params byte[][] more)
    {
        byte[] extensions = [.. serverNames.SelectMany(extension => extension), .. Extension(51, new byte[keyShare]), .. more.SelectMany(extension => extension)];
        byte[] body = [3, 3, .. new byte[32], 32, .. new byte[32], 0, 2, 0x13, 1, 1, 0, .. Vector(extensions)];
        return Record([1, 0, .. U16(body.Length), .. body]);
    }

    public static byte[] ServerName(string name) => Extension(0, Vector([0, .. Vector(Encoding.Latin1.GetBytes(name))]));

    public static byte[] Extension(int type, byte[] content) => [.. U16(type), .. Vector(content)];

    public static byte[] Record(byte[] fragment) => [22, 3, 1, .. Vector(fragment)];

    /// <summary>The same message in records of so many bytes each.</summary>
    public static byte[] Fragmented(byte[] record, int size) => [.. record.Skip(5).Chunk(size).SelectMany(Record)];

    public static byte[] Vector(byte[] content) => [.. U16(content.Length), .. content];

    private static byte[] U16(int value) => [(byte)(value >> 8), (byte)value];

    /// <summary>Keeps what is written, and ends at the first read.</summary>
    private sealed class Wire : Stream
    {
        public MemoryStream Sent { get; } = new();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override void Write(byte[] buffer, int offset, int count) => Sent.Write(buffer, offset, count);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
