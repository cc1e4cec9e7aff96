using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class ResponseTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK", 200, "OK")]
    [InlineData("HTTP/1.1 200 ", 200, "")]
    [InlineData("HTTP/1.1 200", 200, "")]
    [InlineData("HTTP/1.0 404 Not  Found\t\u00e9", 404, "Not  Found\t\u00e9")]
    [InlineData("HTTP/1.1 599 ", 599, "")]
    public void A_status_line_is_version_status_and_reason(string line, int status, string reason)
    {
        var head = Response(line + "\r\n\r\n");

        Assert.Equal((status, reason), (head.Status, head.ReasonText));
        Assert.Equal(line[7] == '0', head.IsHttp10);
    }

    [Theory]
    [InlineData("HTTP/2.0 200 OK")]
    [InlineData("HTTP/1.2 200 OK")]
    [InlineData("http/1.1 200 OK")]
    [InlineData("ICY 200 OK")]
    [InlineData("")]
    public void Another_version_is_refused(string line) => ResponseRefused(line + "\r\n\r\n", "status line");

    [Theory]
    [InlineData("HTTP/1.1  200 OK")]
    [InlineData("HTTP/1.1\t200 OK")]
    [InlineData("HTTP/1.1 20 OK")]
    [InlineData("HTTP/1.1 2000 OK")]
    [InlineData("HTTP/1.1 +20 OK")]
    [InlineData("HTTP/1.1 200OK")]
    [InlineData("HTTP/1.1 ")]
    [InlineData("HTTP/1.1")]
    [InlineData("HTTP/1.1 099 x")]
    [InlineData("HTTP/1.1 600 x")]
    [InlineData("HTTP/1.1 200 O\0K")]
    public void A_status_is_three_digits_from_100_to_599(string line) => ResponseRefused(line + "\r\n\r\n", "stat");

    [Fact]
    public void Another_protocol_is_noticed_at_its_first_byte() => ResponseRefused("S", "does not begin with HTTP");

    [Theory]
    [InlineData("\n", "LF without CR")]
    [InlineData("\rx", "CR without LF")]
    public void A_bare_cr_or_lf_is_refused_at_once(string end, string why)
    {
        ResponseRefused("HTTP/1.1 200 OK" + end, why);
        ResponseRefused("HTTP/1.1 200 OK\r\na: b" + end, why);
    }

    [Theory]
    [InlineData("a : b\r\n", "white space in or behind the name")]
    [InlineData("a: b\r\n c\r\n", "folding")]
    [InlineData(" a: b\r\n", "folding")]
    [InlineData(": b\r\n", "no name")]
    [InlineData("ab\r\n", "no colon")]
    [InlineData("a b: c\r\n", "white space in or behind the name")]
    [InlineData("a(b: c\r\n", "no token")]
    [InlineData("a: \0\r\n", "0x00")]
    public void Fields_are_read_as_strictly_as_in_requests(string fields, string why) => ResponseRefused($"HTTP/1.1 200 OK\r\n{fields}\r\n", why);

    [Theory]
    [InlineData("Content-Length: 3\r\nContent-Length: 3\r\n", "more than one Content-Length")]
    [InlineData("Content-Length: 3, 3\r\n", "Content-Length is not a number")]
    [InlineData("Content-Length: +3\r\n", "Content-Length is not a number")]
    [InlineData("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "both")]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n", "other than chunked")]
    [InlineData("Transfer-Encoding: identity\r\n", "other than chunked")]
    [InlineData("Transfer-Encoding: chunked, chunked\r\n", "last")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "more than one")]
    public void Ambiguous_framing_is_refused(string fields, string why) => ResponseRefused($"HTTP/1.1 200 OK\r\n{fields}\r\n", why);

    [Fact]
    public void Transfer_encoding_in_http_1_0_is_refused() => ResponseRefused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0");

    [Theory]
    [InlineData("103", "Transfer-Encoding: chunked\r\n")]
    [InlineData("204", "Transfer-Encoding: chunked\r\n")]
    [InlineData("204", "Content-Length: 3\r\n")]
    [InlineData("100", "Content-Length: 3\r\n")]
    public void A_status_without_body_may_not_announce_one(string status, string field) =>
        ResponseRefused($"HTTP/1.1 {status} x\r\n{field}\r\n", "announces a body");

    [Theory]
    [InlineData("200", "Content-Length: 3\r\n", BodyKind.Length, 3)]
    [InlineData("200", "Content-Length: 0\r\n", BodyKind.None, 0)]
    [InlineData("200", "Transfer-Encoding: Chunked\r\n", BodyKind.Chunked, -1)]
    [InlineData("200", "", BodyKind.UntilClose, -1)]
    [InlineData("204", "", BodyKind.None, -1)]
    [InlineData("204", "Content-Length: 0\r\n", BodyKind.None, 0)]
    [InlineData("304", "Content-Length: 3\r\n", BodyKind.None, 3)]
    [InlineData("304", "Transfer-Encoding: chunked\r\n", BodyKind.None, -1)]
    [InlineData("103", "", BodyKind.None, -1)]
    public void The_body_ends_where_status_and_fields_say(string status, string fields, BodyKind body, long length)
    {
        var head = Response($"HTTP/1.1 {status} x\r\n{fields}\r\n");

        Assert.Equal((body, length), (head.Body, head.ContentLength));
        Assert.Equal(body != BodyKind.UntilClose, head.KeepAlive);
        Assert.Equal(status == "103", head.IsInterim);
    }

    [Theory]
    [InlineData("Content-Length: 3\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    [InlineData("")]
    public void An_answer_to_head_has_no_body_whatever_it_says(string fields)
    {
        var head = Response($"HTTP/1.1 200 OK\r\n{fields}\r\n", answersHead: true);

        Assert.Equal((BodyKind.None, true), (head.Body, head.KeepAlive));
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x, close\r\n\r\n", false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: Keep-Alive\r\n\r\n", true)]
    [InlineData("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", false)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false)]
    public void A_connection_is_used_again_only_if_both_sides_know_where_the_response_ends(string text, bool expected) =>
        Assert.Equal(expected, Response(text).KeepAlive);

    [Fact]
    public void Limits_hold_before_the_end_of_the_head()
    {
        ResponseRefused("HTTP/1.1 200 OK\r\na: " + new string('b', 81), "more than 100 bytes", new HeadLimits(100));
        ResponseRefused("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n", "more than 1 field lines", new HeadLimits(Fields: 1));
        ResponseRefused("HTTP/1.1 200 " + new string('b', 8), "more than 20 bytes", new HeadLimits(LineBytes: 20));
    }

    [Fact]
    public void The_next_response_begins_where_the_last_head_ended()
    {
        var input = Bytes("HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
        var head = new ResponseHead();

        Assert.Equal(ParseStatus.Done, ResponseParser.TryParse(new(input), false, HeadLimits.Default, head, out var consumed));
        Assert.Equal(103, head.Status);
        Assert.Equal(ParseStatus.Done, ResponseParser.TryParse(new(input.AsMemory(consumed)), false, HeadLimits.Default, head, out var more));
        Assert.Equal((200, "OK", "Content-Length: 1\r\n"), (head.Status, head.ReasonText, Lines(head.Fields)));
        Assert.Equal(input.Length - 1, consumed + more);
    }
}
