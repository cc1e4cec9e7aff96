using Lakou.Core.Faults;

namespace Lakou.Gateway.Upstreams.Http2;

/// <summary>There is no connection; the fault says why. The client of HTTP/2 puts it inside of its own.</summary>
internal sealed class DialException(Fault fault) : IOException(fault.Detail)
{
    public Fault Fault { get; } = fault;

    /// <summary>What a failed request holds; null when it is something else.</summary>
    public static DialException? In(Exception? e)
    {
        while (e is not null and not DialException)
        {
            e = e.InnerException;
        }

        return (DialException?)e;
    }
}
