using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Http;

/// <summary>The head of one response, and the parser's place in it while it arrives. Reused for all responses of a connection.</summary>
public sealed class ResponseHead
{
    internal HeadScan Scan;
    internal bool StatusLineRead;
    internal bool Finished;
    private int _reasonStart;
    private int _reasonLength;

    /// <summary>100 to 599.</summary>
    public int Status { get; internal set; }

    /// <summary>The reason phrase, often empty; good until <see cref="Reset"/>.</summary>
    public ReadOnlySpan<byte> Reason => Fields.Raw.Slice(_reasonStart, _reasonLength);

    /// <summary><see cref="Reason"/> as Latin-1.</summary>
    public string ReasonText => Encoding.Latin1.GetString(Reason);

    public bool IsHttp10 { get; internal set; }

    public FieldTable Fields { get; } = new();

    /// <summary>100 to 199: another response to the same request follows; with 101 it is another protocol.</summary>
    public bool IsInterim => Status is >= 100 and < 200;

    public BodyKind Body { get; internal set; }

    /// <summary>
    /// The number in Content-Length, -1 without one. When the body is <see cref="BodyKind.None"/> it may be more than 0:
    /// what a GET would have got, in answers to HEAD and in 304.
    /// </summary>
    public long ContentLength { get; internal set; } = -1;

    /// <summary>Whether the connection can be used again once the body has been read.</summary>
    public bool KeepAlive { get; internal set; }

    /// <summary>Why the head is invalid.</summary>
    public Fault? Error { get; internal set; }

    /// <summary>Makes ready for the next response.</summary>
    public void Reset()
    {
        Fields.Clear();
        Scan = default;
        StatusLineRead = Finished = false;
        _reasonStart = _reasonLength = 0;
        Status = 0;
        IsHttp10 = KeepAlive = false;
        Body = BodyKind.None;
        ContentLength = -1;
        Error = null;
    }

    internal void SetReason(int start, int length) => (_reasonStart, _reasonLength) = (start, length);
}
