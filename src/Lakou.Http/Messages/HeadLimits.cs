namespace Lakou.Http;

/// <summary>Bounds on a message head, and on trailers.</summary>
/// <param name="Bytes">Whole head, start line and empty line included. 32 KiB: nginx's four large_client_header_buffers of 8 KiB.</param>
/// <param name="Fields">Field lines. 100: Apache's LimitRequestFields, Kestrel's MaxRequestHeaderCount.</param>
/// <param name="LineBytes">Start line without CRLF. 8 KiB: one of nginx's large_client_header_buffers; RFC 9112 §3 asks for 8,000 at least.</param>
public sealed record HeadLimits(int Bytes = 32 * 1024, int Fields = 100, int LineBytes = 8 * 1024)
{
    public static readonly HeadLimits Default = new();
}

/// <summary>How far a parser came.</summary>
public enum ParseStatus
{
    /// <summary>Good so far, and not at its end.</summary>
    NeedMore,

    /// <summary>Read to its end.</summary>
    Done,

    /// <summary>Can never become valid; the <c>Error</c> says why.</summary>
    Invalid,
}

/// <summary>Where a body ends (RFC 9112 §6.3).</summary>
public enum BodyKind : byte
{
    /// <summary>There is none, or its length is 0.</summary>
    None,

    /// <summary>After <c>ContentLength</c> bytes, at least one.</summary>
    Length,

    /// <summary>The chunked coding tells.</summary>
    Chunked,

    /// <summary>With the connection; responses only.</summary>
    UntilClose,
}
