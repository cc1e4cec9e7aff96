using System.Net;
using System.Net.Sockets;

namespace Lakou.Transport.Tests;

public abstract partial class TransportEndurance
{
    private const string SeveralAddresses = "several.test";

    [Fact]
    public async Task Without_a_free_descriptor_dials_fail_and_accepts_wait()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limit is set by a Linux shell");
        await ChildProcess.RunAsync(this, nameof(In_a_process_of_few_descriptors), "ulimit -n 400", [], Stop);
    }

    [Fact(Explicit = true)]
    public async Task In_a_process_of_few_descriptors()
    {
        var transport = CreateTransport();
        var before = await WarmUpAsync(transport);
        await using (var listener = await transport.BindAsync(AnyLoopback, Stop))
        {
            var serving = ServeAsync(listener, EchoAsync);
            using var refused = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            refused.Bind(AnyLoopback);
            await FailureAsync(refused.LocalEndPoint!); // loads what a failure loads
            await StartAllThreadsAsync();
            using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            var taken = TakeAll();
            var failures = new List<SocketError>(); // looked at later: an assertion loads assemblies
            for (var i = 0; i < 20; i++)
            {
                failures.Add(await FailureAsync(listener.EndPoint));
            }

            // The kernel finishes the handshake; there is no descriptor to accept it with.
            await late.ConnectAsync(listener.EndPoint, Stop);
            await late.SendAsync(Bytes.Make(0, 100), Stop);
            taken.ForEach(static one => one.Dispose());
            Assert.All(failures, static failure => Assert.Equal(SocketError.TooManyOpenSockets, failure));
            var echoed = new byte[100];
            for (var filled = 0; filled < echoed.Length;)
            {
                filled += await late.ReceiveAsync(echoed.AsMemory(filled), Stop);
            }

            Bytes.AssertPattern(echoed, 0);
            await using (var end = await IEnd.OpenAsync(transport, listener.EndPoint, Stop))
            {
                await EchoesAsync(end, 0, 100);
            }

            late.Dispose();
            await listener.UnbindAsync(Stop);
            Assert.Equal(2, await serving.WaitAsync(Stop));
        }

        await LeavesNothingAsync(transport, before);

        async Task<SocketError> FailureAsync(EndPoint endPoint)
        {
            try
            {
                await (await transport.ConnectAsync(endPoint, Stop)).DisposeAsync();
                return SocketError.Success;
            }
            catch (SocketException e)
            {
                return e.SocketErrorCode;
            }
        }
    }

    [Fact]
    public async Task A_name_is_dialled_at_each_of_its_addresses_until_one_answers()
    {
        using var folder = new TemporaryFolder();
        var hosts = folder.File("hosts");
        await File.WriteAllTextAsync(hosts, $"::1 {SeveralAddresses}\n127.0.0.2 {SeveralAddresses}\n127.0.0.1 {SeveralAddresses}\n", Stop);
        Assert.SkipUnless(CanReplaceFiles(), "Namespaces of users are not allowed here");
        await ChildProcess.RunAsync(this, nameof(In_a_process_with_names_of_its_own), $"mount --bind '{hosts}' /etc/hosts", ["unshare", "--map-root-user", "--mount"], Stop);

        static bool CanReplaceFiles()
        {
            try
            {
                using var trial = System.Diagnostics.Process.Start("unshare", ["--map-root-user", "--mount", "true"]);
                trial.WaitForExit();
                return trial.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false; // no such program
            }
        }
    }

    [Fact(Explicit = true)]
    public async Task In_a_process_with_names_of_its_own()
    {
        Assert.True((await Dns.GetHostAddressesAsync(SeveralAddresses, Stop)).Length > 1);
        var transport = CreateTransport();
        var before = await WarmUpAsync(transport);
        using (var listening = Listening())
        {
            var port = ((IPEndPoint)listening.LocalEndPoint!).Port;
            for (var i = 0; i < 20; i++)
            {
                await using var connection = await transport.ConnectAsync(new DnsEndPoint(SeveralAddresses, port), Stop);
                using var peer = new Peer(await listening.AcceptAsync(Stop));
                await peer.SendAsync(Bytes.Make(0, 100), Stop);
                peer.EndSending();
                Assert.Equal(100, await ReadPatternToEndAsync(connection));
            }

            listening.Dispose();
            var error = await Assert.ThrowsAsync<SocketException>(async () => await transport.ConnectAsync(new DnsEndPoint(SeveralAddresses, port), Stop));
            Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        }

        await LeavesNothingAsync(transport, before);
    }

    // The runtime cannot start a thread without a free descriptor either.
    private async Task StartAllThreadsAsync()
    {
        const int threads = 8;
        Assert.True(ThreadPool.SetMinThreads(threads, 1) && ThreadPool.SetMaxThreads(threads, threads));
        using var all = new Barrier(threads);
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Run(() => all.SignalAndWait(Stop), Stop)));
    }

    private static List<IDisposable> TakeAll()
    {
        var taken = new List<IDisposable>();
        try
        {
            for (; ; )
            {
                taken.Add(File.OpenHandle("/dev/null"));
            }
        }
        catch (IOException)
        {
            return taken;
        }
    }
}
