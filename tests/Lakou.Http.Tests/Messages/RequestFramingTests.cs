using static Lakou.Http.HttpFaults;
using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class RequestFramingTests
{
    private const string Start = "POST / HTTP/1.1\r\nHost: a\r\n";
    private const string Start10 = "POST / HTTP/1.0\r\nHost: a\r\n";

    [Theory]
    [InlineData("", BodyKind.None, -1)]
    [InlineData("Content-Length: 0\r\n", BodyKind.None, 0)]
    [InlineData("content-length: 5\r\n", BodyKind.Length, 5)]
    [InlineData("Content-Length: 9223372036854775807\r\n", BodyKind.Length, long.MaxValue)]
    [InlineData("Content-Length: 0000000000000000012\r\n", BodyKind.Length, 12)]
    [InlineData("Transfer-Encoding: chunked\r\n", BodyKind.Chunked, -1)]
    [InlineData("transfer-encoding:\tCHUNKED \r\n", BodyKind.Chunked, -1)]
    public void The_body_ends_where_the_fields_say(string fields, BodyKind body, long length)
    {
        var head = Request($"{Start}{fields}\r\n");

        Assert.Equal((body, length), (head.Body, head.ContentLength));
    }

    [Theory]
    [InlineData("")]
    [InlineData("+3")]
    [InlineData("-0")]
    [InlineData("1 2")]
    [InlineData("0x10")]
    [InlineData("3,3")]
    [InlineData("3.0")]
    [InlineData("\u00b2")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999")]
    [InlineData("00000000000000000001")]
    public void A_content_length_is_digits_within_63_bits(string value) => Refused(BadFraming, $"{Start}Content-Length: {value}\r\n\r\n");

    [Theory]
    [InlineData("3", "3")]
    [InlineData("3", "4")]
    public void A_second_content_length_is_refused_even_if_it_is_the_same(string first, string second) =>
        Refused(BadFraming, $"{Start}Content-Length: {first}\r\ncontent-length: {second}\r\n\r\n");

    [Theory]
    [InlineData("gzip")]
    [InlineData("gzip, chunked")]
    [InlineData("identity")]
    [InlineData("xchunked")]
    [InlineData("foo;a=\"b\"")]
    public void A_transfer_coding_other_than_chunked_is_not_served(string value) =>
        Refused(UnknownTransferCoding, $"{Start}Transfer-Encoding: {value}\r\n\r\n");

    [Theory]
    [InlineData("")]
    [InlineData(",chunked")]
    [InlineData("chunked,")]
    [InlineData("chunked, chunked")]
    [InlineData("chunked, gzip")]
    [InlineData("chunked;a=b")]
    [InlineData("\"chunked\"")]
    [InlineData("chun ked")]
    [InlineData("\u00e9")]
    public void A_malformed_transfer_encoding_is_refused(string value) => Refused(BadFraming, $"{Start}Transfer-Encoding: {value}\r\n\r\n");

    [Fact]
    public void A_second_transfer_encoding_is_refused() =>
        Refused(BadFraming, Start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")]
    [InlineData("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Content-Length: 0\r\nTransfer-Encoding: gzip\r\n")]
    public void Transfer_encoding_and_content_length_together_are_refused(string fields) => Refused(BadFraming, $"{Start}{fields}\r\n");

    [Fact]
    public void Transfer_encoding_in_http_1_0_is_refused() => Refused(BadFraming, Start10 + "Transfer-Encoding: chunked\r\n\r\n");

    [Theory]
    [InlineData("", true)]
    [InlineData("Connection: close\r\n", false)]
    [InlineData("Connection: a, CLOSE ,b\r\n", false)]
    [InlineData("Connection: keep-alive\r\nConnection: close\r\n", false)]
    [InlineData("Connection: closed\r\n", true)]
    public void Http_1_1_goes_on_unless_connection_says_close(string fields, bool expected) =>
        Assert.Equal(expected, Request($"{Start}{fields}\r\n").KeepAlive);

    [Theory]
    [InlineData("", false)]
    [InlineData("Connection: keep-alive\r\n", true)]
    [InlineData("Connection: keep-alive, close\r\n", false)]
    public void Http_1_0_ends_unless_connection_says_keep_alive(string fields, bool expected) =>
        Assert.Equal(expected, Request($"{Start10}{fields}\r\n").KeepAlive);

    [Fact]
    public void A_client_waits_for_100_only_with_a_body_and_in_http_1_1()
    {
        Assert.True(Request(Start + "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n").ExpectsContinue);
        Assert.True(Request(Start + "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n").ExpectsContinue);
        Assert.False(Request(Start + "Expect: 100-continue\r\n\r\n").ExpectsContinue);
        Assert.False(Request(Start10 + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n").ExpectsContinue);
        Assert.False(Request(Start + "Expect: 200\r\nContent-Length: 3\r\n\r\n").ExpectsContinue);
    }

    [Fact]
    public void An_upgrade_is_named_by_connection_and_has_no_body()
    {
        const string upgrade = "Upgrade: websocket\r\n";
        Assert.True(Request(Start + upgrade + "Connection: keep-alive, Upgrade\r\n\r\n").WantsUpgrade);
        Assert.False(Request(Start + upgrade + "\r\n").WantsUpgrade);
        Assert.False(Request(Start + "Connection: upgrade\r\n\r\n").WantsUpgrade);
        Assert.False(Request(Start + "Connection: upgrade\r\nUpgrade:\r\n\r\n").WantsUpgrade);
        Assert.False(Request(Start10 + upgrade + "Connection: upgrade\r\n\r\n").WantsUpgrade);
        Assert.False(Request(Start + upgrade + "Connection: upgrade\r\nContent-Length: 3\r\n\r\n").WantsUpgrade);
        Assert.False(Request(Start + upgrade + "Connection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n").WantsUpgrade);
    }
}
