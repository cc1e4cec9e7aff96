using static Lakou.Http.HttpFaults;
using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class RequestFieldTests
{
    private const string Start = "POST / HTTP/1.1\r\nHost: a\r\n";

    [Fact]
    public void Fields_keep_their_order_case_and_bytes()
    {
        var fields = Request(Start + "x-B: 1\r\nX-a:\u00e9\r\nx-b:2\r\n\r\n").Fields;

        Assert.Equal("Host: a\r\nx-B: 1\r\nX-a: \u00e9\r\nx-b: 2\r\n", Lines(fields));
        Assert.Equal("1,2", fields["X-B"].ToString());
    }

    [Theory]
    [InlineData("a:b", "b")]
    [InlineData("a: \t b \t ", "b")]
    [InlineData("a:", "")]
    [InlineData("a: \t", "")]
    [InlineData("a: b \t c", "b \t c")]
    [InlineData("a: b:c", "b:c")]
    public void White_space_around_a_value_is_no_part_of_it(string line, string value) =>
        Assert.Equal(value, Request($"{Start}{line}\r\n\r\n").Fields["a"].ToString());

    [Theory]
    [InlineData("a : b")]
    [InlineData("a\t: b")]
    [InlineData(": b")]
    [InlineData("a b: c")]
    [InlineData("a(b): c")]
    [InlineData("\u00e9: c")]
    [InlineData("ab")]
    public void A_name_is_a_token_right_before_the_colon(string line) => Refused(BadField, $"{Start}{line}\r\n\r\n");

    [Theory]
    [InlineData(" b")]
    [InlineData("\tb")]
    [InlineData(" b: c")]
    public void Folded_lines_are_refused(string line) => Refused(BadField, $"{Start}a: b\r\n{line}\r\n\r\n");

    [Theory]
    [InlineData('\0')]
    [InlineData('\u0001')]
    [InlineData('\u000b')]
    [InlineData('\u001f')]
    [InlineData('\u007f')]
    [InlineData('\n')]
    public void A_value_has_no_control_character(char c)
    {
        Refused(BadField, $"{Start}a: b{c}c\r\n\r\n");
        Refused(BadField, $"{Start}a: b{c}"); // without waiting for the end
    }

    [Fact]
    public void A_bare_cr_is_refused_at_the_next_byte()
    {
        Refused(BadField, Start + "a: b\rc");
        Refused(BadField, Start + "\r\r");
    }

    [Fact]
    public void More_fields_than_the_limit_are_refused()
    {
        var limits = new HeadLimits(Fields: 3);

        Assert.Equal(3, Request(Start + "a: 1\r\nb: 2\r\n\r\n", limits).Fields.LineCount);
        Refused(HeadTooLarge, Start + "a: 1\r\nb: 2\r\nc: 3\r\n", limits);
    }

    [Fact]
    public void A_head_longer_than_the_limit_is_refused_before_it_ends()
    {
        var whole = Start + "a: b\r\n\r\n";

        Request(whole, new HeadLimits(whole.Length));
        Refused(HeadTooLarge, whole, new HeadLimits(whole.Length - 1));
        Refused(HeadTooLarge, Start + new string('a', 100), new HeadLimits(100));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a.example:8080")]
    [InlineData("127.0.0.1:65535")]
    [InlineData("[::1]")]
    [InlineData("[2001:db8::1.2.3.4]:80")]
    [InlineData("a_b-c~d.")]
    public void A_host_is_a_name_or_an_address_with_or_without_a_port(string host) =>
        Assert.Equal(host, Request($"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").Fields["host"].ToString());

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a,b")]
    [InlineData("a/b")]
    [InlineData("u@a")]
    [InlineData("a%41")]
    [InlineData("a:")]
    [InlineData("a:b")]
    [InlineData("a:80:80")]
    [InlineData("a:65536")]
    [InlineData("a:000080")]
    [InlineData(":80")]
    [InlineData("[::1")]
    [InlineData("[]")]
    [InlineData("[1.2.3.4]")]
    [InlineData("[::1]a")]
    [InlineData("[::g]")]
    [InlineData("[fe80::1%25eth0]")]
    [InlineData("::1")]
    [InlineData("\u00e9")]
    public void Any_other_host_is_refused(string host) => Refused(BadHost, $"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");

    [Fact]
    public void Http_1_1_needs_one_host_and_http_1_0_none()
    {
        Refused(BadHost, "GET / HTTP/1.1\r\n\r\n");
        Refused(BadHost, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n");
        Refused(BadHost, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
        Request("GET / HTTP/1.0\r\n\r\n");
    }

    [Fact]
    public void Only_the_asterisk_form_may_have_an_empty_host() => Request("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n");

    [Theory]
    [InlineData("http://b/", "a")]
    [InlineData("http://a:80/", "a")]
    [InlineData("http://a/", "a:80")]
    public void The_host_in_the_target_equals_host(string target, string host) =>
        Refused(BadHost, $"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");

    [Fact]
    public void The_host_in_the_target_may_differ_in_case() => Request("GET http://A/ HTTP/1.1\r\nHost: a\r\n\r\n");

    [Fact]
    public void Connect_names_the_same_host_twice() => Refused(BadHost, "CONNECT b:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
}
