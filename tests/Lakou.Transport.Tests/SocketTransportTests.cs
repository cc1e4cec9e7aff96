using System.IO.Pipelines;

namespace Lakou.Transport.Tests;

public sealed class SocketTransportTests : TransportConformance
{
    protected override TransportOptions Choose(TransportOptions options) => options with { Kind = TransportKind.Sockets };
}

public sealed class InlineSocketTransportTests : TransportConformance
{
    protected override TransportOptions Choose(TransportOptions options)
        => options with { Kind = TransportKind.Sockets, ApplicationScheduler = PipeScheduler.Inline };
}

public sealed class SocketTransportEnduranceTests : TransportEndurance
{
    protected override TransportOptions Choose(TransportOptions options) => options with { Kind = TransportKind.Sockets };
}

public sealed class InlineSocketTransportEnduranceTests : TransportEndurance
{
    protected override TransportOptions Choose(TransportOptions options)
        => options with { Kind = TransportKind.Sockets, ApplicationScheduler = PipeScheduler.Inline };
}
