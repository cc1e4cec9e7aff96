using System.Diagnostics;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>PROXY headers as a real HAProxy writes and reads them, over Unix sockets on its side: it cannot be asked for a free port.</summary>
public sealed class HaproxyTests
{
    private static readonly string? s_path = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Append("/usr/sbin")
        .Select(folder => Path.Combine(folder, "haproxy"))
        .FirstOrDefault(File.Exists);

    [Theory]
    [InlineData("send-proxy", "v1", "TCP4 192.0.2.1 198.51.100.1 56324 443")]
    [InlineData("send-proxy", "v2", "TCP6 2001:db8::1 2001:db8::2 56324 443")]
    [InlineData("send-proxy-v2", "v1", "TCP6 2001:db8::1 2001:db8::2 56324 443")]
    [InlineData("send-proxy-v2", "v2", "TCP4 192.0.2.1 198.51.100.1 56324 443")]
    [InlineData("send-proxy-v2 proxy-v2-options unique-id,crc32c", "v2", "TCP4 192.0.2.1 198.51.100.1 56324 443")] // with TLVs
    public async Task A_clients_address_passes_from_HAProxy_through_the_gateway_to_HAProxy(string sends, string version, string address)
    {
        Assert.SkipUnless(s_path is not null, "haproxy is not installed (Debian package haproxy)");

        // test → in.sock (accepts v1) → gateway (accepts what HAProxy sends) → out.sock (accepts what the gateway sends) → test (reads v1)
        var folder = Directory.CreateTempSubdirectory("lakou-haproxy-").FullName;
        var (inside, outside, last) = (Path.Combine(folder, "in.sock"), Path.Combine(folder, "out.sock"), Path.Combine(folder, "last.sock"));
        using var endpoint = new RawUpstream(last);
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", accept-proxy: [ 127.0.0.1 ], tcp: { to: app, proxy-protocol: {{version}} } } }
            upstreams: { app: { endpoints: [ "unix:{{outside}}" ] } }
            """);
        var configuration = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(configuration, $"""
            defaults
              mode tcp
              timeout connect 5s
              timeout client 30s
              timeout server 30s
            listen in
              bind unix@{inside} accept-proxy
              unique-id-format %pid
              server gateway {gateway.AddressOf("db")} {sends}
            listen out
              bind unix@{outside} accept-proxy
              server test unix@{last} send-proxy

            """, TestContext.Current.CancellationToken);
        using var haproxy = Process.Start(new ProcessStartInfo(s_path!, ["-db", "-q", "-f", configuration]) { UseShellExecute = false })!;
        try
        {
            using var client = await ConnectAsync(inside, haproxy);
            await client.SendAsync($"PROXY {address}\r\nhello");
            using var peer = await endpoint.AcceptAsync();
            Assert.Equal($"PROXY {address}\r\n", await peer.ReadToAsync("\n"));
            Assert.Equal("hello", await peer.ReadAsync(5));
            await peer.SendAsync("world");
            Assert.Equal("world", await client.ReadAsync(5));
        }
        finally
        {
            haproxy.Kill();
            await haproxy.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<RawPeer> ConnectAsync(string path, Process haproxy)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                return await RawPeer.ConnectAsync(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException) when (!haproxy.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
            }
        }
    }
}
