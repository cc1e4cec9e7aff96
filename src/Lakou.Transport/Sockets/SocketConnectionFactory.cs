using System.IO.Pipelines;
using System.Net.Sockets;
using Lakou.Transport.Blocks;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Sockets;

/// <summary>What all connections of a transport share.</summary>
internal sealed class SocketConnectionFactory
{
    public SocketConnectionFactory(TransportOptions options, ILogger log)
    {
        Options = options;
        Places = new SemaphoreSlim(options.ConnectionsMax);
        Log = log;

        // Input: a receive loop that waited for room goes on inside the reader's AdvanceTo; it never runs longer than one pipe full.
        InputPipe = new PipeOptions(Pool, options.ApplicationScheduler, PipeScheduler.Inline,
            options.InputPauseBytes, Math.Max(1, options.InputPauseBytes / 2), useSynchronizationContext: false);

        // Output: flushing sends at once, on the flushing thread. A writer that waited for room goes on elsewhere: were it to run inside
        // the send loop and block on its next flush, nobody would be left to send.
        OutputPipe = new PipeOptions(Pool, PipeScheduler.Inline, PipeScheduler.ThreadPool,
            options.OutputPauseBytes, Math.Max(1, options.OutputPauseBytes / 2), useSynchronizationContext: false);
    }

    public TransportOptions Options { get; }

    public ILogger Log { get; }

    /// <summary>One for each connection that may still be accepted; a connection gives its place back when it has closed.</summary>
    public SemaphoreSlim Places { get; }

    public BlockPool Pool { get; } = new();

    public PipeOptions InputPipe { get; }

    public PipeOptions OutputPipe { get; }

    /// <param name="socket">Connected.</param>
    /// <param name="holdsPlace">It was accepted, and gives its place back in the end.</param>
    public SocketConnection Start(Socket socket, bool holdsPlace)
    {
        var connection = new SocketConnection(socket, this, holdsPlace);
        connection.Start();
        return connection;
    }
}
