using System.Runtime.InteropServices;

namespace Lakou.Transport.Tests;

public abstract partial class TransportEndurance
{
    // signal(7), the same on x86-64 and ARM64.
    private const int ChildEnded = 17;
    private const int Urgent = 23;
    private const int WindowChanged = 28;

    /// <summary>A signal interrupts whatever its thread waits for in the kernel. Ones with a handler, because ignored signals interrupt nothing.</summary>
    [Fact]
    public async Task Signals_to_every_thread_disturb_no_connection()
    {
        var transport = CreateTransport();
        var before = await WarmUpAsync(transport);
        var handled = 0;
        using (Handle(ChildEnded))
        using (Handle(Urgent))
        using (Handle(WindowChanged))
        {
            await using var listener = await transport.BindAsync(AnyLoopback, Stop);
            var serving = ServeAsync(listener, EchoAsync);
            using var done = new CancellationTokenSource();
            var sending = Task.Run(() => SendSignals(done.Token), Stop);
            await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
            {
                for (var i = 0; i < 40; i++)
                {
                    await using var end = await IEnd.OpenAsync(client % 2 == 0 ? transport : null, listener.EndPoint, Stop);
                    for (var turn = 0; turn < 10; turn++)
                    {
                        await EchoesAsync(end, i, 5_000);
                    }
                }
            }, Stop)));
            await EventuallyAsync(() => Volatile.Read(ref handled) > 0);
            await done.CancelAsync();
            await sending;
            await listener.UnbindAsync(Stop);
            Assert.Equal(320, await serving.WaitAsync(Stop));
        }

        await EventuallyAsync(() => transport.OutstandingBlocks == 0);
        Assert.NotEmpty(before);

        IDisposable Handle(int signal) => PosixSignalRegistration.Create((PosixSignal)signal, context =>
        {
            context.Cancel = true;
            Interlocked.Increment(ref handled);
        });
    }

    private static void SendSignals(CancellationToken done)
    {
        var random = new Random(1);
        var signals = new[] { ChildEnded, Urgent, WindowChanged };
        while (!done.IsCancellationRequested)
        {
            foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            {
                _ = tgkill(Environment.ProcessId, int.Parse(Path.GetFileName(thread)), signals[random.Next(signals.Length)]);
            }

            Thread.SpinWait(random.Next(50_000)); // the handlers' queue must not outrun the pool
        }
    }

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int tgkill(int process, int thread, int signal);
}
