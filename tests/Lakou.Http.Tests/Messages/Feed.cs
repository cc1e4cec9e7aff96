using System.Buffers;
using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Http.Tests.Messages;

/// <summary>What came of a parse, as text, so that ways of feeding can be compared.</summary>
internal sealed record Outcome(ParseStatus Status, int Consumed, string Content, Fault? Error);

/// <summary>Gives a message to a parser whole, in segments, or a piece at a time. Text is Latin-1, one character a byte.</summary>
internal static class Feed
{
    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    public static RequestHead Request(string text, HeadLimits? limits = null)
    {
        var head = new RequestHead();
        var status = RequestParser.TryParse(new(Bytes(text)), limits ?? HeadLimits.Default, head, out _, out _);
        Assert.True(status == ParseStatus.Done, $"{status} {head.Error}");
        return head;
    }

    public static void Refused(FaultCode code, string text, HeadLimits? limits = null)
    {
        var head = new RequestHead();
        var status = RequestParser.TryParse(new(Bytes(text)), limits ?? HeadLimits.Default, head, out var consumed, out _);
        Assert.Equal(ParseStatus.Invalid, status);
        Assert.Equal(code, head.Error!.Code);
        Assert.Equal(0, consumed.GetInteger());
    }

    public static ResponseHead Response(string text, bool answersHead = false)
    {
        var head = new ResponseHead();
        var status = ResponseParser.TryParse(new(Bytes(text)), answersHead, HeadLimits.Default, head, out var consumed);
        Assert.True(status == ParseStatus.Done, $"{status} {head.Error}");
        Assert.Equal(text.Length, consumed);
        return head;
    }

    public static void ResponseRefused(string text, string why, HeadLimits? limits = null)
    {
        var head = new ResponseHead();
        var status = ResponseParser.TryParse(new(Bytes(text)), false, limits ?? HeadLimits.Default, head, out var consumed);
        Assert.Equal(ParseStatus.Invalid, status);
        Assert.Equal(HttpFaults.BadResponse, head.Error!.Code);
        Assert.Contains(why, head.Error.Detail, StringComparison.Ordinal);
        Assert.Equal(0, consumed);
    }

    /// <summary>All of the input in one call, in segments that end at the cuts.</summary>
    public static Outcome RequestInSegments(byte[] input, params int[] cuts)
    {
        var head = new RequestHead();
        var sequence = Segment.Of(input, cuts);
        var status = RequestParser.TryParse(sequence, HeadLimits.Default, head, out var consumed, out _);
        return new(status, (int)sequence.Slice(0, consumed).Length, Describe(head, status), head.Error);
    }

    /// <summary>A call after each piece, until one does not ask for more.</summary>
    public static Outcome RequestInPieces(byte[] input, Func<int> nextPiece)
    {
        var head = new RequestHead();
        for (var length = 0; ;)
        {
            length = Math.Min(input.Length, length + nextPiece());
            var sequence = new ReadOnlySequence<byte>(input, 0, length);
            var status = RequestParser.TryParse(sequence, HeadLimits.Default, head, out var consumed, out _);
            if (status != ParseStatus.NeedMore || length == input.Length)
            {
                return new(status, (int)sequence.Slice(0, consumed).Length, Describe(head, status), head.Error);
            }

            Assert.Equal(0, sequence.Slice(0, consumed).Length);
        }
    }

    public static Outcome ResponseInPieces(byte[] input, Func<int> nextPiece)
    {
        var head = new ResponseHead();
        for (var length = 0; ;)
        {
            length = Math.Min(input.Length, length + nextPiece());
            var status = ResponseParser.TryParse(new(input.AsMemory(0, length)), false, HeadLimits.Default, head, out var consumed);
            if (status != ParseStatus.NeedMore || length == input.Length)
            {
                return new(status, consumed, Describe(head, status), head.Error);
            }

            Assert.Equal(0, consumed);
        }
    }

    public static Outcome ChunkedInPieces(byte[] input, Func<int> nextPiece, MessageSide side = MessageSide.Request)
    {
        var decoder = new ChunkedDecoder(side);
        decoder.Reset(HeadLimits.Default);
        var payload = new StringBuilder();
        var status = ParseStatus.NeedMore;
        var total = 0;
        for (var have = 0; total < input.Length && status == ParseStatus.NeedMore;)
        {
            have = Math.Max(total + 1, Math.Min(input.Length, have + nextPiece()));
            while (total < have && status == ParseStatus.NeedMore)
            {
                var piece = input.AsSpan(total, have - total);
                status = decoder.Read(piece, out var consumed, out var offset, out var length);
                Assert.True(consumed <= piece.Length && offset + length <= consumed);
                Assert.True(consumed > 0 || status == ParseStatus.Invalid);
                payload.Append(Text(piece.Slice(offset, length)));
                total += consumed;
            }
        }

        var trailers = decoder.Trailers is { } table ? " | " + Lines(table) : "";
        return new(status, total, payload + trailers, decoder.Error);
    }

    public static string Lines(FieldTable table)
    {
        var bytes = new byte[table.WireLength];
        Assert.Equal(bytes.Length, table.WriteTo(bytes));
        return Text(bytes);
    }

    private static string Describe(RequestHead head, ParseStatus status) => status != ParseStatus.Done ? "" :
        $"{head.Method} {head.Target} {(head.IsHttp10 ? "HTTP/1.0" : "HTTP/1.1")}\r\n{Lines(head.Fields)}\r\n" +
        $"{head.Form} {head.PathStart} {head.Body} {head.ContentLength} {head.KeepAlive} {head.ExpectsContinue} {head.WantsUpgrade}";

    private static string Describe(ResponseHead head, ParseStatus status) => status != ParseStatus.Done ? "" :
        $"{(head.IsHttp10 ? "HTTP/1.0" : "HTTP/1.1")} {head.Status} {head.ReasonText}\r\n{Lines(head.Fields)}\r\n" +
        $"{head.Body} {head.ContentLength} {head.KeepAlive}";
}

/// <summary>A sequence of several segments, each in memory of its own.</summary>
internal sealed class Segment : ReadOnlySequenceSegment<byte>
{
    public static ReadOnlySequence<byte> Of(byte[] input, params int[] cuts)
    {
        Segment? first = null;
        Segment? last = null;
        var start = 0;
        foreach (var end in cuts.Append(input.Length))
        {
            var segment = new Segment { Memory = input.AsSpan(start..end).ToArray(), RunningIndex = start };
            first ??= segment;
            if (last is not null)
            {
                last.Next = segment;
            }

            last = segment;
            start = end;
        }

        return new(first!, 0, last!, last!.Memory.Length);
    }
}
