using System.Buffers;
using Lakou.Core.Faults;
using Lakou.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Finds the payload of an answer in what was received, and its exact end.</summary>
internal struct AnswerBody
{
    private readonly ChunkedDecoder _chunks;
    private readonly BodyKind _kind;
    private long _remaining;

    public AnswerBody(ResponseHead head, ChunkedDecoder chunks, HeadLimits limits)
    {
        _chunks = chunks;
        _kind = head.Body;
        _remaining = head.Body == BodyKind.Length ? head.ContentLength : 0;
        IsFinished = _kind == BodyKind.None || (_kind == BodyKind.Length && _remaining == 0);
        if (_kind == BodyKind.Chunked)
        {
            chunks.Reset(limits);
        }
    }

    public bool IsFinished { get; private set; }

    public Fault? Error { get; private set; }

    /// <summary>Where the next run of payload lies, and how many received bytes it used up, framing included.</summary>
    public (int Offset, long Length, long Used) Take(in ReadOnlySequence<byte> received)
    {
        switch (_kind)
        {
            case BodyKind.Length:
                var count = Math.Min(_remaining, received.Length);
                _remaining -= count;
                IsFinished = _remaining == 0;
                return (0, count, count);
            case BodyKind.Chunked:
                var status = _chunks.Read(received.FirstSpan, out var consumed, out var offset, out var length);
                IsFinished = status == ParseStatus.Done;
                Error = status == ParseStatus.Invalid ? _chunks.Error : null;
                return (offset, length, consumed);
            default:
                return (0, received.Length, received.Length);
        }
    }

    /// <summary>True when the end of the stream is the end of the body.</summary>
    public bool TryEndOfStream() => IsFinished |= _kind == BodyKind.UntilClose;
}
