using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Lakou.Control.Tests.Harness;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Control.Tests.Watching;

/// <summary>Certificates are renewed as files: what is there counts for who comes next, and disturbs nobody who is here.</summary>
public sealed class CertificateWatchTests : IDisposable
{
    private readonly Certificates _certificates = new();
    private readonly Authority _root = Authority.Root();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task A_renewed_certificate_is_for_new_connections_and_old_ones_live_on()
    {
        await using var world = await StartAsync();
        var listener = world.Host.Gateway.Listeners["web"];
        await using var before = await OpenAsync(world);
        Assert.Equal("one.example", NameOf(before));
        for (var i = 0; i < 2; i++)
        {
            var reloaded = world.NextReload(result => result.Applied);
            Put(world, "web", i == 0 ? "two.example" : "three.example");
            Assert.Equal(["~ listener web"], (await reloaded).Diff.Lines);
        }

        await using var after = await OpenAsync(world);
        Assert.Equal("three.example", NameOf(after));
        Assert.Same(listener, world.Host.Gateway.Listeners["web"]);
        Assert.DoesNotContain("Connection: close", await AskAsync(before), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Connection: close", await AskAsync(before), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_turn_of_the_data_link_of_Kubernetes_renews_it()
    {
        // web.pem → ..data/web.pem, ..data → ..1/; the kubelet makes ..2, a link to it, and renames that over ..data.
        await using var world = await StartAsync(folder =>
        {
            Publish(folder, "..1", "one.example");
            foreach (var name in new[] { "web.pem", "web.key", "clients.pem" })
            {
                File.CreateSymbolicLink(Path.Combine(folder, name), "..data/" + name);
            }
        });
        await using var before = await OpenAsync(world);
        var reloaded = world.NextReload();
        Publish(world.Folder, "..2", "two.example");
        Directory.Delete(Path.Combine(world.Folder, "..1"), recursive: true);
        Assert.Equal(["~ listener web"], (await reloaded).Diff.Lines);
        await using var after = await OpenAsync(world);
        Assert.Equal("two.example", NameOf(after));
        await AskAsync(before);
    }

    [Fact]
    public async Task A_pair_that_does_not_fit_leaves_the_old_one_serving_and_is_said()
    {
        await using var world = await StartAsync();
        var refused = world.NextReload(result => !result.Applied);
        Replace(_certificates.Write("two.example") + ".key", Path.Combine(world.Folder, "web.key"));
        var problem = Assert.Single((await refused).Problems);
        Assert.Equal("listeners.web.tls.certificates[0]", problem.Path);
        Assert.Contains(world.Log.Errors, line => line.Contains("the certificate and the key do not belong together", StringComparison.Ordinal));
        await using (var still = await OpenAsync(world))
        {
            Assert.Equal("one.example", NameOf(still));
        }

        var mended = world.NextReload(result => result.Applied);
        Put(world, "web", "three.example");
        await mended;
        await using var after = await OpenAsync(world);
        Assert.Equal("three.example", NameOf(after));
    }

    [Fact]
    public async Task Another_authority_of_clients_counts_for_those_who_come_next()
    {
        await using var world = await StartAsync(more: "client-ca: clients.pem, client-certificates: optional, ");
        var alice = Authority.Show(_root.Client("alice"));
        await using var before = await OpenAsync(world, alice);
        await AskAsync(before);
        var refused = world.NextReload(result => !result.Applied);
        await File.WriteAllTextAsync(Path.Combine(world.Folder, "clients.pem"), "nothing", Cancel);
        Assert.Equal("listeners.web.tls.client-ca", Assert.Single((await refused).Problems).Path);
        await using (var still = await OpenAsync(world, alice))
        {
            await AskAsync(still);
        }

        var next = Authority.Root("next");
        var reloaded = world.NextReload(result => result.Applied);
        await File.WriteAllTextAsync(Path.Combine(world.Folder, "clients.pem"), next.Pem, Cancel);
        Assert.Equal(["~ listener web"], (await reloaded).Diff.Lines);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await using var stranger = await OpenAsync(world, alice);
            await AskAsync(stranger);
        });
        await using var known = await OpenAsync(world, Authority.Show(next.Client("bob")));
        await AskAsync(known);
        await AskAsync(before);
    }

    private Task<World> StartAsync(Action<string>? prepare = null, string more = "")
    {
        var yaml = World.Hello.Replace("\"127.0.0.1:0\" } }", $"\"127.0.0.1:0\", tls: {{ {more}certificates: [ {{ cert: web.pem, key: web.key }} ] }} }} }}", StringComparison.Ordinal);
        return World.StartAsync("", watch: true, prepare: folder =>
        {
            File.WriteAllText(Path.Combine(folder, "lakou.yaml"), yaml);
            if (prepare is not null)
            {
                prepare(folder);
                return;
            }

            var pair = _certificates.Write("one.example");
            File.Copy(pair + ".pem", Path.Combine(folder, "web.pem"));
            File.Copy(pair + ".key", Path.Combine(folder, "web.key"));
            File.WriteAllText(Path.Combine(folder, "clients.pem"), _root.Pem);
        });
    }

    /// <summary>As a renewing tool does: each file renamed over the old one, so that for a moment the two do not fit.</summary>
    private void Put(World world, string name, string host)
    {
        var pair = _certificates.Write(host);
        Replace(pair + ".pem", Path.Combine(world.Folder, name + ".pem"));
        Replace(pair + ".key", Path.Combine(world.Folder, name + ".key"));
    }

    private static void Replace(string from, string to)
    {
        File.Copy(from, to + ".new");
        File.Move(to + ".new", to, overwrite: true);
    }

    private void Publish(string folder, string name, string host)
    {
        var pair = _certificates.Write(host);
        Directory.CreateDirectory(Path.Combine(folder, name));
        File.Copy(pair + ".pem", Path.Combine(folder, name, "web.pem"));
        File.Copy(pair + ".key", Path.Combine(folder, name, "web.key"));
        File.WriteAllText(Path.Combine(folder, name, "clients.pem"), _root.Pem);
        FileWatchTests.Turn(folder, name);
    }

    private static string NameOf(SslStream stream)
    {
        using var certificate = new X509Certificate2(stream.RemoteCertificate!);
        return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }

    private static async Task<SslStream> OpenAsync(World world, SslStreamCertificateContext? shown = null)
    {
        var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)world.Host.EndPointOf("web"), Cancel);
        var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "any.example",
                EnabledSslProtocols = SslProtocols.Tls13,
                ClientCertificateContext = shown,
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
            },
            Cancel);
        return stream;
    }

    /// <summary>The head of an answer whose body is hello.</summary>
    private static async Task<string> AskAsync(SslStream stream)
    {
        await stream.WriteAsync("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), Cancel);
        var answer = "";
        var buffer = new byte[4096];
        while (!answer.EndsWith("hello\n", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer, Cancel);
            Assert.NotEqual(0, count);
            answer += Encoding.ASCII.GetString(buffer, 0, count);
        }

        return answer;
    }
}
