using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public sealed class UringTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options) => Uring.Start(options);
}

public sealed class InlineUringTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options)
        => Uring.Start(options with { ApplicationScheduler = PipeScheduler.Inline });
}

internal static class Uring
{
    /// <summary>Two loops, so that connections cross; skips the test on a machine without io_uring.</summary>
    public static LakouTransport Start(TransportOptions options)
    {
        try
        {
            return LakouTransport.Start(options with { Kind = TransportKind.IoUring, Loops = 2 });
        }
        catch (PlatformNotSupportedException e)
        {
            Assert.Skip($"No io_uring here: {e.Message}.");
            throw;
        }
    }
}
