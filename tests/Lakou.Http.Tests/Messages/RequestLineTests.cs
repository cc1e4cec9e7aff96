using Microsoft.AspNetCore.Http;
using static Lakou.Http.HttpFaults;
using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class RequestLineTests
{
    private const string Host = "Host: a\r\n\r\n";

    [Fact]
    public void A_request_line_is_method_target_and_version()
    {
        var head = Request("GET /a?b=c HTTP/1.1\r\n" + Host);

        Assert.Equal(("GET", "/a?b=c", TargetForm.Origin, 0, false), (head.Method, head.Target, head.Form, head.PathStart, head.IsHttp10));
        Assert.Same(HttpMethods.Get, head.Method);
        Assert.Null(head.Error);
    }

    [Fact]
    public void A_method_that_is_not_registered_is_read_as_it_is() => Assert.Equal("get!", Request("get! / HTTP/1.1\r\n" + Host).Method);

    [Theory]
    [InlineData(" / HTTP/1.1\r\n")]
    [InlineData("G(T / HTTP/1.1\r\n")]
    [InlineData("G\u00c9T / HTTP/1.1\r\n")]
    [InlineData("GET\t/ HTTP/1.1\r\n")]
    public void A_method_is_a_token(string line) => Refused(BadRequestLine, line + Host);

    [Fact]
    public void A_method_has_at_most_32_bytes()
    {
        Assert.Equal(32, Request(new string('M', 32) + " / HTTP/1.1\r\n" + Host).Method.Length);
        Refused(BadRequestLine, new string('M', 33)); // without waiting for the end of the line
    }

    [Theory]
    [InlineData("GET  / HTTP/1.1\r\n")]
    [InlineData("GET /  HTTP/1.1\r\n")]
    [InlineData("GET / HTTP/1.1 \r\n")]
    [InlineData("GET /a b HTTP/1.1\r\n")]
    [InlineData("GET /\r\n")]
    [InlineData("GET  HTTP/1.1\r\n")]
    [InlineData("GET HTTP/1.1\r\n")]
    [InlineData("GET\r\n")]
    public void Exactly_one_space_stands_between_three_parts(string line) => Refused(BadRequestLine, line + Host);

    [Theory]
    [InlineData("/\u00e9")]
    [InlineData("/\u0001")]
    [InlineData("/a\tb")]
    [InlineData("/\u007f")]
    public void A_target_is_visible_ascii(string target) => Refused(BadRequestLine, $"GET {target} HTTP/1.1\r\n{Host}");

    [Fact]
    public void A_target_has_no_fragment() => Refused(BadRequestLine, "GET /a#b HTTP/1.1\r\n" + Host);

    [Theory]
    [InlineData("a")]
    [InlineData("a/b")]
    [InlineData("*")]
    [InlineData("?q")]
    [InlineData("ftp://a/")]
    [InlineData("a:80")]
    public void A_target_has_one_of_the_four_forms(string target) => Refused(BadRequestLine, $"GET {target} HTTP/1.1\r\n{Host}");

    [Fact]
    public void The_asterisk_belongs_to_options() => Assert.Equal(TargetForm.Asterisk, Request("OPTIONS * HTTP/1.1\r\n" + Host).Form);

    [Fact]
    public void Connect_has_host_and_port()
    {
        Assert.Equal(TargetForm.Authority, Request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").Form);
        Refused(BadRequestLine, "CONNECT a HTTP/1.1\r\n" + Host);
        Refused(BadRequestLine, "CONNECT / HTTP/1.1\r\n" + Host);
    }

    [Theory]
    [InlineData("http://a/b?c", 8)]
    [InlineData("HTTPS://A/b", 9)]
    [InlineData("http://a?c", 8)]
    [InlineData("http://a", 8)]
    public void An_absolute_form_says_where_its_path_begins(string target, int pathStart)
    {
        var head = Request($"GET {target} HTTP/1.1\r\n{Host}");

        Assert.Equal((TargetForm.Absolute, pathStart), (head.Form, head.PathStart));
    }

    [Theory]
    [InlineData("http://")]
    [InlineData("http:///b")]
    [InlineData("http://u@a/")]
    [InlineData("http://a:/")]
    [InlineData("http://a:b/")]
    public void An_absolute_form_has_host_and_port_only(string target) => Refused(BadRequestLine, $"GET {target} HTTP/1.1\r\n{Host}");

    [Fact]
    public void Http_1_0_is_served() => Assert.True(Request("GET / HTTP/1.0\r\n\r\n").IsHttp10);

    [Theory]
    [InlineData("HTTP/1.2")]
    [InlineData("HTTP/2.0")]
    [InlineData("HTTP/0.9")]
    public void Another_version_is_not_served(string version) => Refused(HttpFaults.Version, $"GET / {version}\r\n{Host}");

    [Theory]
    [InlineData("http/1.1")]
    [InlineData("HTP/1.1")]
    [InlineData("RTSP/1.0")]
    public void Another_protocol_is_not_http(string version) => Refused(HttpFaults.NotHttp, $"GET / {version}\r\n{Host}");

    [Theory]
    [InlineData("HTTP/1")]
    [InlineData("HTTP/1.10")]
    [InlineData("HTTP/1,1")]
    public void A_version_is_written_exactly(string version) => Refused(BadRequestLine, $"GET / {version}\r\n{Host}");

    [Fact]
    public void One_empty_line_may_come_first_and_no_second()
    {
        Assert.Equal("GET", Request("\r\nGET / HTTP/1.1\r\n" + Host).Method);
        Refused(BadRequestLine, "\r\n\r\nGET / HTTP/1.1\r\n" + Host);
        Refused(BadRequestLine, "\nGET / HTTP/1.1\r\n" + Host);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\n")]
    [InlineData("GET / HTTP/1.1\rH")]
    [InlineData("GET /\r")]
    [InlineData("\u0016\u0003\u0001")]
    public void A_line_that_ends_otherwise_than_in_crlf_is_refused_at_once(string beginning)
    {
        if (!beginning.EndsWith('\r'))
        {
            Refused(BadRequestLine, beginning);
        }

        Refused(BadRequestLine, beginning + "x");
    }

    [Fact]
    public void A_line_longer_than_its_limit_is_refused_before_it_ends()
    {
        var limits = new HeadLimits(LineBytes: 30);
        var exact = "GET /" + new string('x', 30 - 5 - 9) + " HTTP/1.1";

        Assert.Equal(30, exact.Length);
        Request(exact + "\r\n" + Host, limits);
        Refused(TargetTooLong, "GET /" + new string('x', 26), limits);
        Refused(TargetTooLong, exact.Replace("/x", "/xx", StringComparison.Ordinal) + "\r\n" + Host, limits);
    }
}
