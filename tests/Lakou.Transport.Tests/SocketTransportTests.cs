using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public sealed class SocketTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options)
        => LakouTransport.Start(options with { Kind = TransportKind.Sockets });
}

public sealed class InlineSocketTransportTests : TransportConformance
{
    protected override LakouTransport CreateTransport(TransportOptions options)
        => LakouTransport.Start(options with { Kind = TransportKind.Sockets, ApplicationScheduler = PipeScheduler.Inline });
}
