using System.Net;
using System.Net.Sockets;

namespace Lakou.Demo;

/// <summary>Where everything of the demo listens, on the loopback.</summary>
internal sealed record DemoPorts(int Gateway, int Admin, int FastOne, int FastTwo, int Slow, int Flaky)
{
    /// <summary>The ones in <c>samples/demo.yaml</c>.</summary>
    public static DemoPorts Friendly { get; } = new(Gateway: 8080, Admin: 9900, FastOne: 5001, FastTwo: 5002, Slow: 5003, Flaky: 5004);

    /// <summary>The wanted port; 0 when something has it, which makes the listener take a free one.</summary>
    public static int OrFree(int wanted)
    {
        try
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(IPAddress.Loopback, wanted));
            return wanted;
        }
        catch (SocketException)
        {
            return 0;
        }
    }
}
