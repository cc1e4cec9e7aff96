using System.Diagnostics;
using Lakou.Core.Faults;

namespace Lakou.Http;

/// <summary>Whose message it is, so who is to blame.</summary>
public enum MessageSide : byte
{
    /// <summary>A client's; faults are <c>http/…</c>.</summary>
    Request,

    /// <summary>An upstream's; faults are <c>upstream/bad-response</c>.</summary>
    Response,
}

/// <summary>
/// Reads the chunked coding (RFC 9112 §7.1) piece by piece, from anybody.
/// <code>
/// Size ─hex─▶ Size ─CR─▶ SizeLf ─LF─▶ Payload ─▶ PayloadCr ─▶ PayloadLf ─▶ Size
///   └─;─▶ Extension ─CR─▶ SizeLf ─LF, size 0─▶ Trailers ─empty line─▶ Finished
/// </code>
/// </summary>
public sealed class ChunkedDecoder(MessageSide side)
{
    /// <summary>
    /// 4 KiB in the whole message: Go's net/http allows one line of a chunk so much. Nobody uses extensions, and without a bound
    /// a sender can make a byte of payload cost any number of bytes (CVE-2023-39326).
    /// </summary>
    private const int MostExtensionBytes = 4 * 1024;

    private readonly FieldTable _trailers = new();
    private HeadLimits _limits = HeadLimits.Default;
    private HeadScan _scan;
    private State _state;
    private int _digits;
    private int _extensionBytes;
    private ulong _remaining; // while the size is read it may pass long.MaxValue; not in Payload

    private enum State : byte
    {
        Size,
        SpaceBeforeExtension,
        Extension,
        SizeLf,
        Payload,
        PayloadCr,
        PayloadLf,
        Trailers,
        Finished,
        Broken,
    }

    /// <summary>The trailers that may be used (RFC 9110 §6.5.1), once Done; null when there are none.</summary>
    public FieldTable? Trailers => _state == State.Finished && _trailers.LineCount > 0 ? _trailers : null;

    /// <summary>Why the body is invalid.</summary>
    public Fault? Error { get; private set; }

    /// <summary>Makes ready for the next body; the limits are for its trailers.</summary>
    public void Reset(HeadLimits limits)
    {
        _trailers.Clear();
        _limits = limits;
        _scan = default;
        _state = State.Size;
        _digits = _extensionBytes = 0;
        _remaining = 0;
        Error = null;
    }

    /// <summary>
    /// Reads on in the body and yields at most one run of payload, which lies inside <paramref name="input"/>.
    /// <list type="bullet">
    /// <item>NeedMore: use the run, drop <paramref name="consumed"/> bytes; call again with the rest, and when nothing is left with what comes next.
    /// Something is consumed whenever there is input.</item>
    /// <item>Done: as NeedMore, but the body is complete; the rest belongs to the next message.</item>
    /// <item>Invalid: <see cref="Error"/> says why; there is no run.</item>
    /// </list>
    /// </summary>
    public ParseStatus Read(ReadOnlySpan<byte> input, out int consumed, out int dataOffset, out int dataLength)
    {
        consumed = dataOffset = dataLength = 0;
        while (_state < State.Finished && consumed < input.Length)
        {
            if (_state == State.Payload)
            {
                dataOffset = consumed;
                dataLength = (int)Math.Min(_remaining, (ulong)(input.Length - consumed));
                consumed += dataLength;
                _remaining -= (uint)dataLength;
                _state = _remaining == 0 ? State.PayloadCr : State.Payload;
                consumed += ReadPayloadEnd(input[consumed..]);
                break;
            }

            consumed += _state switch
            {
                State.Trailers => ReadTrailers(input[consumed..]),
                State.Extension => ReadExtension(input[consumed..]),
                State.Size => ReadSize(input[consumed..]),
                _ => ReadByte(input[consumed]),
            };
        }

        if (_state == State.Broken)
        {
            consumed = dataOffset = dataLength = 0;
            return ParseStatus.Invalid;
        }

        return _state == State.Finished ? ParseStatus.Done : ParseStatus.NeedMore;
    }

    /// <summary>The CRLF behind a payload, if it is there already, so that most calls begin with a size.</summary>
    private int ReadPayloadEnd(ReadOnlySpan<byte> input)
    {
        if (_state == State.PayloadCr && input.StartsWith("\r\n"u8))
        {
            BeginSize();
            return 2;
        }

        return 0;
    }

    /// <summary>The digits and, if it follows at once, the CRLF; what else may stand there is read by the byte.</summary>
    private int ReadSize(ReadOnlySpan<byte> input)
    {
        var i = 0;
        for (; i < input.Length && char.IsAsciiHexDigit((char)input[i]); i++)
        {
            var octet = input[i];
            _remaining = (_remaining << 4) | (uint)(octet <= '9' ? octet - '0' : (octet | 0x20) - 'a' + 10);
            if (++_digits > 16 || _remaining > long.MaxValue)
            {
                return Break("a chunk size beyond 16 digits or 63 bits");
            }
        }

        if (_digits > 0 && input[i..].StartsWith("\r\n"u8))
        {
            _state = _remaining == 0 ? State.Trailers : State.Payload;
            return i + 2;
        }

        return i > 0 ? i : ReadByte(input[0]);
    }

    private int ReadByte(byte octet)
    {
        switch (_state)
        {
            case State.Size or State.SpaceBeforeExtension when _digits > 0 && octet == ';':
                _state = State.Extension;
                return CountExtension(1);
            case State.Size or State.SpaceBeforeExtension when _digits > 0 && octet is (byte)' ' or (byte)'\t':
                _state = State.SpaceBeforeExtension; // bad white space, allowed before a semicolon only
                return CountExtension(1);
            case State.Size when _digits > 0 && octet == '\r':
                _state = State.SizeLf;
                return 1;
            case State.SizeLf when octet == '\n':
                _state = _remaining == 0 ? State.Trailers : State.Payload;
                return 1;
            case State.PayloadCr when octet == '\r':
                _state = State.PayloadLf;
                return 1;
            case State.PayloadLf when octet == '\n':
                BeginSize();
                return 1;
            default:
                return Break(_state switch
                {
                    State.SizeLf => "CR without LF behind a chunk size",
                    State.PayloadCr or State.PayloadLf => "no CRLF behind a chunk",
                    _ => $"0x{octet:x2} in a chunk size",
                });
        }
    }

    private int ReadExtension(ReadOnlySpan<byte> input)
    {
        var end = input.IndexOfAny(FieldGrammar.Controls);
        if (end < 0)
        {
            return CountExtension(input.Length);
        }

        if (input[end] != '\r')
        {
            return Break($"0x{input[end]:x2} in a chunk extension");
        }

        CountExtension(end);
        _state = _state == State.Broken ? State.Broken : State.SizeLf;
        return end + 1;
    }

    private int CountExtension(int bytes)
    {
        _extensionBytes += bytes;
        return _extensionBytes <= MostExtensionBytes ? bytes : Break($"more than {MostExtensionBytes} bytes of chunk extensions");
    }

    /// <summary>Trailers are gathered whole; unlike a head they are consumed as they come.</summary>
    private int ReadTrailers(ReadOnlySpan<byte> input)
    {
        var before = _trailers.Raw.Length;
        _trailers.AppendRaw(input[..Math.Min(input.Length, _limits.Bytes - before)]);
        var status = _scan.ReadFields(_trailers, _limits);
        if (status == ParseStatus.NeedMore && _trailers.Raw.Length >= _limits.Bytes)
        {
            status = _scan.FailTooLarge($"the trailers have more than {_limits.Bytes} bytes");
        }

        switch (status)
        {
            case ParseStatus.NeedMore:
                return input.Length;
            case ParseStatus.Invalid:
                return Break(_scan.Problem!, _scan.IsTooLarge ? HttpFaults.HeadTooLarge : HttpFaults.BadField);
        }

        _trailers.TruncateRaw(_scan.LineStart);
        for (var i = _trailers.LineCount - 1; i >= 0; i--)
        {
            if (KnownFields.IsForbiddenInTrailers(_trailers.KnownAt(i)))
            {
                _trailers.RemoveAt(i);
            }
        }

        _state = State.Finished;
        return _scan.LineStart - before;
    }

    private void BeginSize()
    {
        Debug.Assert(_remaining == 0, "A chunk has ended.");
        _state = State.Size;
        _digits = 0;
    }

    private int Break(string detail, FaultCode? code = null)
    {
        Error = (side == MessageSide.Response ? HttpFaults.BadResponse : code ?? HttpFaults.BadFraming).With(detail);
        _state = State.Broken;
        return 0;
    }
}
