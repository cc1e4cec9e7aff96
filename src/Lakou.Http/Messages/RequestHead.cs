using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Http;

/// <summary>The head of one request, and the parser's place in it while it arrives. Reused for all requests of a connection.</summary>
public sealed class RequestHead
{
    internal HeadScan Scan;
    internal RequestStage Stage;

    /// <summary>As sent; one string for each of the known methods. Methods are case-sensitive (RFC 9110 §9.1).</summary>
    public string Method { get; internal set; } = "";

    /// <summary>As sent.</summary>
    public string Target { get; private set; } = "";

    public TargetForm Form { get; internal set; }

    /// <summary>Index in <see cref="Target"/> where path and query begin; its length when an absolute form has none (then the path is <c>/</c>).</summary>
    public int PathStart { get; internal set; }

    public bool IsHttp10 { get; internal set; }

    public FieldTable Fields { get; } = new();

    public BodyKind Body { get; internal set; }

    /// <summary>The number in Content-Length, -1 without one. A length of 0 has <see cref="BodyKind.None"/>.</summary>
    public long ContentLength { get; internal set; } = -1;

    /// <summary>Whether the client wants to go on with the connection (RFC 9112 §9.3).</summary>
    public bool KeepAlive { get; internal set; }

    /// <summary>The client waits for 100 before it sends the body (RFC 9110 §10.1.1); never in HTTP/1.0 or without a body.</summary>
    public bool ExpectsContinue { get; internal set; }

    /// <summary>HTTP/1.1, Upgrade present and named by Connection, no body (RFC 9110 §7.8).</summary>
    public bool WantsUpgrade { get; internal set; }

    /// <summary>Why the head is invalid.</summary>
    public Fault? Error { get; internal set; }

    /// <summary>Makes ready for the next request.</summary>
    public void Reset()
    {
        Fields.Clear();
        Scan = default;
        Stage = RequestStage.Before;
        Body = BodyKind.None;
        ContentLength = -1;
        KeepAlive = ExpectsContinue = WantsUpgrade = IsHttp10 = false;
        Form = TargetForm.Origin;
        PathStart = 0;
        Method = "";
        Error = null;
        // Target stays: the next request of a connection often asks for the same.
    }

    internal void SetTarget(ReadOnlySpan<byte> target)
    {
        if (!Ascii.Equals(target, Target))
        {
            Target = Encoding.ASCII.GetString(target);
        }
    }
}

internal enum RequestStage : byte
{
    Before,
    EmptyLineSkipped,
    Fields,
    Finished,
}
