using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public sealed class UringTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options)
        => LakouTransport.Start(options with { Kind = TransportKind.IoUring, Loops = 2 });
}

public sealed class InlineUringTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options)
        => LakouTransport.Start(options with { Kind = TransportKind.IoUring, Loops = 2, ApplicationScheduler = PipeScheduler.Inline });
}
