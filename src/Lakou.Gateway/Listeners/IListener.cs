using System.Net;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// An address that accepts, live. Its socket is bound before and may outlive it: a changed listener takes it over, starts, and
/// only then the old one stops.
/// </summary>
internal interface IListener : IAsyncDisposable
{
    /// <summary>May be replaced by one of the same writing: the files that it names have changed, and count from the next connection on.</summary>
    ListenerPlan Plan { get; set; }

    /// <summary>The bound address; its port is the real one when the plan said 0.</summary>
    EndPoint LocalEndPoint { get; }

    /// <summary>Disposing it closes the address. A <see cref="Transport.ListenSocket"/>, or a <see cref="Layer4.DatagramSocket"/> for datagrams.</summary>
    IDisposable Socket { get; }

    /// <summary>Clients that it serves now.</summary>
    int Connections { get; }

    Task StartAsync();

    /// <summary>Accepts no more, waits for what runs, and cuts the rest at the deadline.</summary>
    Task StopAsync(CancellationToken deadline);
}
