namespace Lakou.Transport;

/// <summary>When bytes came from the kernel, before any parser saw them.</summary>
public interface IReceiveTimestampFeature
{
    /// <summary><see cref="TimeProvider.GetTimestamp"/> of the first bytes received since <see cref="Reset"/>; 0 when none came since, as when a pipelined request was already here.</summary>
    long FirstReceiveTimestamp { get; }

    /// <summary>Forgets the timestamp: the next bytes received set it again.</summary>
    void Reset();
}
