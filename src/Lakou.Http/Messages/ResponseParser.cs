using System.Buffers;

namespace Lakou.Http;

/// <summary>
/// Reads response heads strictly (RFC 9112 §4 to §7). An answer that could be read in two ways is <c>upstream/bad-response</c>:
/// whoever can make two readers disagree can slip a response to somebody else.
/// </summary>
public static class ResponseParser
{
    /// <summary>
    /// Reads on in a response head. Until it is <see cref="ParseStatus.Done"/> nothing is consumed and every call must bring the same bytes
    /// again, more of them; they are looked at only once. A call after Done or Invalid begins the next head.
    /// </summary>
    /// <param name="input">All bytes from the beginning of the head; what follows the head is left alone.</param>
    /// <param name="answersHead">Whether the request was HEAD: then there is no body whatever the fields say.</param>
    /// <param name="limits">Bounds, the same for all calls of one head.</param>
    /// <param name="head">Receives the response, or its <see cref="ResponseHead.Error"/>.</param>
    /// <param name="consumed">Length of the head when Done, else 0.</param>
    public static ParseStatus TryParse(in ReadOnlySequence<byte> input, bool answersHead, HeadLimits limits, ResponseHead head, out int consumed)
    {
        consumed = 0;
        if (head.Finished)
        {
            head.Reset();
        }

        head.Fields.Gather(input, limits.Bytes);
        var status = Step(head, answersHead, limits);
        if (status == ParseStatus.NeedMore && head.Fields.Raw.Length >= limits.Bytes)
        {
            status = Fail(head, $"the head has more than {limits.Bytes} bytes");
        }

        if (status == ParseStatus.Done)
        {
            consumed = head.Scan.LineStart;
            head.Fields.TruncateRaw(consumed);
        }

        head.Finished = status != ParseStatus.NeedMore;
        return status;
    }

    private static ParseStatus Step(ResponseHead head, bool answersHead, HeadLimits limits)
    {
        if (!head.StatusLineRead)
        {
            var status = StatusLine(head, limits);
            if (status != ParseStatus.Done)
            {
                return status;
            }
        }

        return head.Scan.ReadFields(head.Fields, limits) switch
        {
            ParseStatus.NeedMore => ParseStatus.NeedMore,
            ParseStatus.Invalid => Fail(head, head.Scan.Problem!),
            _ => Finish(head, answersHead),
        };
    }

    /// <summary><c>HTTP-version SP status-code [ SP reason-phrase ]</c>; many servers leave out the second SP with the reason.</summary>
    private static ParseStatus StatusLine(ResponseHead head, HeadLimits limits)
    {
        var start = head.Scan.LineStart;
        var status = head.Scan.NextLine(head.Fields.Raw, out var range);
        var line = status == ParseStatus.Done ? head.Fields.Raw[range] : head.Fields.Raw[start..head.Scan.Scanned];
        if (!StartsAsHttp(line))
        {
            return Fail(head, "the status line does not begin with HTTP/1.1 or HTTP/1.0");
        }

        if (line.Length > limits.LineBytes)
        {
            return Fail(head, $"the status line has more than {limits.LineBytes} bytes");
        }

        if (status != ParseStatus.Done)
        {
            return status == ParseStatus.NeedMore ? status : Fail(head, $"{head.Scan.Problem} in the status line");
        }

        if (line.Length < 12 || line[8] != ' ' || !BodyFraming.TryReadLength(line[9..12], out var code) || (line.Length > 12 && line[12] != ' '))
        {
            return Fail(head, "the status line is not version, status of three digits and reason with one space between");
        }

        if (code is < 100 or > 599)
        {
            return Fail(head, $"status {code} is not within 100 and 599");
        }

        head.Status = (int)code;
        head.IsHttp10 = line[7] == '0';
        head.SetReason(start + Math.Min(13, line.Length), Math.Max(0, line.Length - 13));
        head.StatusLineRead = true;
        return ParseStatus.Done;
    }

    /// <summary>Whether as much as there is agrees with <c>HTTP/1.0</c> or <c>HTTP/1.1</c>, so that another protocol is noticed at its first bytes.</summary>
    private static bool StartsAsHttp(ReadOnlySpan<byte> line)
    {
        var known = "HTTP/1."u8;
        var common = Math.Min(line.Length, known.Length);
        return line[..common].SequenceEqual(known[..common]) && (line.Length < 8 || line[7] is (byte)'0' or (byte)'1');
    }

    private static ParseStatus Finish(ResponseHead head, bool answersHead)
    {
        var fields = head.Fields;
        if (BodyFraming.Read(fields, head.IsHttp10, out var coding, out var length) is { } problem)
        {
            return Fail(head, problem);
        }

        if (coding == BodyFraming.Coding.Unknown)
        {
            return Fail(head, "a transfer coding other than chunked");
        }

        // RFC 9110 §8.6, RFC 9112 §6.1: these have no body; one that announces it would leave it behind for the next response.
        var neverHasBody = head.IsInterim || head.Status == 204;
        if (neverHasBody && (coding != BodyFraming.Coding.None || length > 0))
        {
            return Fail(head, $"status {head.Status} announces a body");
        }

        head.ContentLength = length;
        head.Body = neverHasBody || answersHead || head.Status == 304 || length == 0 ? BodyKind.None
            : coding == BodyFraming.Coding.Chunked ? BodyKind.Chunked
            : length > 0 ? BodyKind.Length
            : BodyKind.UntilClose;
        head.KeepAlive = head.Body != BodyKind.UntilClose && head.Status != 101 && !fields.ListContains(KnownField.Connection, "close"u8) &&
            (!head.IsHttp10 || fields.ListContains(KnownField.Connection, "keep-alive"u8));
        return ParseStatus.Done;
    }

    private static ParseStatus Fail(ResponseHead head, string detail)
    {
        head.Error = HttpFaults.BadResponse.With(detail);
        return ParseStatus.Invalid;
    }
}
