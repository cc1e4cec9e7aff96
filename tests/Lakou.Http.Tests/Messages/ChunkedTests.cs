using Lakou.Core.Faults;
using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class ChunkedTests
{
    [Theory]
    [InlineData("0\r\n\r\n", "")]
    [InlineData("000\r\n\r\n", "")]
    [InlineData("3\r\nabc\r\n0\r\n\r\n", "abc")]
    [InlineData("a\r\n0123456789\r\n0A\r\n\r\n0\r\n\r\n\r\n!\r\n0\r\n\r\n", "0123456789\r\n0\r\n\r\n\r\n!")]
    [InlineData("0000000000000001\r\nx\r\n0\r\n\r\n", "x")]
    [InlineData("1;a=b;c=\"d e;\"\r\nx\r\n0;z\r\n\r\n", "x")]
    [InlineData("1 \t;a\r\nx\r\n0\r\n\r\n", "x")]
    [InlineData("1\r\nx\r\n0\r\nX-A: 1\r\nx-b:2 \r\n\r\n", "x | X-A: 1\r\nx-b: 2\r\n")]
    public void Chunks_become_payload(string body, string content)
    {
        var outcome = ChunkedInPieces(Bytes(body), () => int.MaxValue / 2);

        Assert.Equal((ParseStatus.Done, body.Length, content), (outcome.Status, outcome.Consumed, outcome.Content));
    }

    [Theory]
    [InlineData(";\r\n")]
    [InlineData("\r\n")]
    [InlineData(" 1\r\nx\r\n0\r\n\r\n")]
    [InlineData("1 \r\nx\r\n0\r\n\r\n")]
    [InlineData("+1\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("0x1\r\n")]
    [InlineData("1_0\r\n")]
    [InlineData("g\r\n")]
    [InlineData("1,\r\n")]
    [InlineData("8000000000000000\r\n")]
    [InlineData("00000000000000001\r\n")]
    public void A_size_is_1_to_16_hex_digits_within_63_bits(string body) => Refused(HttpFaults.BadFraming, body);

    [Theory]
    [InlineData("1\n")]
    [InlineData("1\rx")]
    [InlineData("1;a\n")]
    [InlineData("1;a\rx")]
    [InlineData("1;a\0")]
    [InlineData("1\r\nxy")]
    [InlineData("1\r\nx\n")]
    [InlineData("1\r\nx\ry")]
    [InlineData("1\r\nx0\r\n\r\n")]
    public void Lines_end_in_crlf_exactly(string body) => Refused(HttpFaults.BadFraming, body);

    [Theory]
    [InlineData("0\r\n\n")]
    [InlineData("0\r\nx\r\n")]
    [InlineData("0\r\n a: b\r\n")]
    [InlineData("0\r\na : b\r\n")]
    [InlineData("0\r\na: \0")]
    public void Trailers_are_of_the_grammar_of_fields(string body) => Refused(HttpFaults.BadField, body);

    [Fact]
    public void Extensions_of_a_message_have_4_kib_together()
    {
        const string chunk = ";0123456789abcde\r\nx\r\n";
        var most = string.Concat(Enumerable.Repeat("1" + chunk, 256));

        Assert.Equal(ParseStatus.Done, ChunkedInPieces(Bytes(most + "0\r\n\r\n"), () => 7).Status);
        Refused(HttpFaults.BadFraming, most + "0;\r\n\r\n");
        Refused(HttpFaults.BadFraming, "1;" + new string('a', 4096));
    }

    [Fact]
    public void Trailers_have_the_limits_of_a_head()
    {
        Refused(HttpFaults.HeadTooLarge, "0\r\n" + string.Concat(Enumerable.Repeat("a: b\r\n", 101)));
        Refused(HttpFaults.HeadTooLarge, "0\r\na: " + new string('b', 32 * 1024));
    }

    [Fact]
    public void Trailers_that_would_change_the_message_are_dropped()
    {
        var outcome = ChunkedInPieces(
            Bytes("0\r\nContent-Length: 3\r\nX-A: 1\r\nHost: b\r\nTransfer-Encoding: x\r\nauthorization: x\r\nX-Forwarded-For: x\r\nX-B: 2\r\nTrailer: x\r\n\r\n"),
            () => 1);

        Assert.Equal(" | X-A: 1\r\nX-B: 2\r\n", outcome.Content);
    }

    [Fact]
    public void Trailers_are_not_shown_before_they_are_complete()
    {
        var decoder = new ChunkedDecoder(MessageSide.Request);
        decoder.Reset(HeadLimits.Default);

        Assert.Equal(ParseStatus.NeedMore, decoder.Read(Bytes("0\r\nX-A: 1\r\n"), out _, out _, out _));
        Assert.Null(decoder.Trailers);
        Assert.Equal(ParseStatus.Done, decoder.Read(Bytes("\r\n"), out _, out _, out _));
        Assert.Equal("1", decoder.Trailers!["x-a"].ToString());
    }

    [Fact]
    public void A_flaw_in_a_response_is_the_upstreams()
    {
        foreach (var body in (string[])["x", "0\r\n:\r\n", "0\r\na: " + new string('b', 32 * 1024)])
        {
            Assert.Equal(HttpFaults.BadResponse, ChunkedInPieces(Bytes(body), () => 1000, MessageSide.Response).Error!.Code);
        }
    }

    [Fact]
    public void A_call_yields_one_run_and_leaves_the_next_message_alone()
    {
        var decoder = new ChunkedDecoder(MessageSide.Request);
        decoder.Reset(HeadLimits.Default);
        var input = Bytes("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /");

        Assert.Equal(ParseStatus.NeedMore, decoder.Read(input, out var first, out var offset, out var length));
        Assert.Equal((8, 3, 3), (first, offset, length));
        Assert.Equal(ParseStatus.NeedMore, decoder.Read(input.AsSpan(first), out var second, out offset, out length));
        Assert.Equal((7, 3, 2), (second, offset, length));
        Assert.Equal(ParseStatus.Done, decoder.Read(input.AsSpan(first + second), out var last, out _, out length));
        Assert.Equal((5, 0), (last, length));
        Assert.Equal(ParseStatus.Done, decoder.Read(Bytes("more"), out var consumed, out _, out _));
        Assert.Equal(0, consumed);
    }

    [Fact]
    public void A_decoder_stays_broken_until_it_is_reset()
    {
        var decoder = new ChunkedDecoder(MessageSide.Request);
        decoder.Reset(HeadLimits.Default);

        Assert.Equal(ParseStatus.Invalid, decoder.Read(Bytes("x"), out _, out _, out _));
        Assert.Equal(ParseStatus.Invalid, decoder.Read(Bytes("0\r\n\r\n"), out _, out _, out _));
        decoder.Reset(HeadLimits.Default);
        Assert.Equal(ParseStatus.Done, decoder.Read(Bytes("0\r\n\r\n"), out _, out _, out _));
        Assert.Null(decoder.Error);
    }

    [Fact]
    public void The_largest_chunk_is_read_as_it_comes()
    {
        var decoder = new ChunkedDecoder(MessageSide.Request);
        decoder.Reset(HeadLimits.Default);

        Assert.Equal(ParseStatus.NeedMore, decoder.Read(Bytes("7fffffffffffffff\r\nabc"), out var consumed, out var offset, out var length));
        Assert.Equal((21, 18, 3), (consumed, offset, length));
    }

    [Theory]
    [InlineData(1, "1\r\n")]
    [InlineData(0xabc, "abc\r\n")]
    [InlineData(long.MaxValue, "7fffffffffffffff\r\n")]
    public void A_size_line_is_hex_and_crlf(long payload, string line)
    {
        Span<byte> target = stackalloc byte[ChunkedEncoder.LongestSizeLine];

        Assert.Equal(line, Text(target[..ChunkedEncoder.WriteSizeLine(target, payload)]));
    }

    [Fact]
    public void A_run_of_no_payload_cannot_be_written() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ChunkedEncoder.WriteSizeLine(new byte[18], 0));

    [Fact]
    public void The_last_chunk_carries_the_trailers()
    {
        var trailers = new FieldTable();
        trailers.Append("X-A", "1");
        var target = new byte[ChunkedEncoder.LastChunkLength(trailers)];

        Assert.Equal(target.Length, ChunkedEncoder.WriteLastChunk(target, trailers));
        Assert.Equal("0\r\nX-A: 1\r\n\r\n", Text(target));
        Assert.Equal(5, ChunkedEncoder.WriteLastChunk(target, null));
        Assert.Equal(Text(ChunkedEncoder.LastChunk), Text(target.AsSpan(0, 5)));
    }

    private static void Refused(FaultCode code, string body)
    {
        var whole = ChunkedInPieces(Bytes(body), () => int.MaxValue / 2);
        var bytewise = ChunkedInPieces(Bytes(body), () => 1);

        Assert.Equal((ParseStatus.Invalid, code), (whole.Status, whole.Error!.Code));
        Assert.Equal((ParseStatus.Invalid, code), (bytewise.Status, bytewise.Error!.Code));
    }
}
