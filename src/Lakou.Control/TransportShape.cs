using Lakou.Core.Configuration;
using Lakou.Transport;

namespace Lakou.Control;

/// <summary>How the file says what moves the bytes. It counts from the next start: connections cannot change their transport.</summary>
internal static class TransportShape
{
    private const string IoUring = "io_uring";
    private const string Sockets = "sockets";

    public static Shape<TransportOptions> Shape { get; } = Shapes.Object("transport", "What moves the bytes of connections. A change counts from the next start.", () => new TransportOptions())
        .Field("kind", Shapes.Choice(("auto", TransportKind.Auto), (IoUring, TransportKind.IoUring), (Sockets, TransportKind.Sockets)), o => o.Kind, (o, v) => o with { Kind = v }, "io_uring, the sockets of the .NET runtime, or io_uring where the kernel has it; `auto` may be decided by the environment variable LAKOU_TRANSPORT.")
        .Field("loops", Shapes.Integer(0, TransportOptions.LoopsMax), o => o.Loops, (o, v) => o with { Loops = v }, "Event loops of io_uring; 0 for one a core.");

    public static string NameOf(TransportKind kind) => kind == TransportKind.IoUring ? IoUring : Sockets;
}
