using System.IO.Pipelines;

namespace Lakou.Transport;

/// <summary>The event loop that a connection lives on.</summary>
public interface ILoopFeature
{
    /// <summary>Its number, less than <see cref="LakouTransport.Loops"/>.</summary>
    int Loop { get; }

    /// <summary>Runs work on the loop: at once when the caller is on it, else soon. What runs there must not block.</summary>
    PipeScheduler Scheduler { get; }
}
