using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public sealed class UringTransportTests : TransportConformance
{
    protected override TransportOptions Choose(TransportOptions options) => Uring.Choose(options);
}

public sealed class InlineUringTransportTests : TransportConformance
{
    protected override TransportOptions Choose(TransportOptions options)
        => Uring.Choose(options with { ApplicationScheduler = PipeScheduler.Inline });
}

public sealed class UringTransportEnduranceTests : TransportEndurance
{
    protected override TransportOptions Choose(TransportOptions options) => Uring.Choose(options);
}

public sealed class InlineUringTransportEnduranceTests : TransportEndurance
{
    protected override TransportOptions Choose(TransportOptions options)
        => Uring.Choose(options with { ApplicationScheduler = PipeScheduler.Inline });
}

internal static class Uring
{
    private static readonly Task<string?> Absence = ProbeAsync();

    /// <summary>Two loops, so that connections cross; skips the test on a machine without io_uring.</summary>
    public static TransportOptions Choose(TransportOptions options)
    {
        var absence = Absence.GetAwaiter().GetResult();
        Assert.SkipWhen(absence is not null, $"No io_uring here: {absence}.");
        return options with { Kind = TransportKind.IoUring, Loops = 2 };
    }

    private static async Task<string?> ProbeAsync()
    {
        try
        {
            await using var transport = LakouTransport.Start(new TransportOptions { Kind = TransportKind.IoUring, Loops = 1 });
            return null;
        }
        catch (PlatformNotSupportedException e)
        {
            return e.Message;
        }
    }
}
