using Lakou.Core.Hashing;
using Lakou.Messaging.Events;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Binary mode, and bodies that are no CloudEvents.</summary>
public sealed class HeaderTests
{
    [Fact]
    public void Binary_mode_has_attributes_in_headers_and_data_in_the_body()
    {
        var read = One("application/json", "{ \"a\":\n1 }", headers: Headers(
            ("CE-Time", "2018-04-05T03:56:24Z"), ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"), ("ce-type", "com.example.someevent"), ("Accept", "*/*"),
            ("ce-specversion", "1.0"), ("ce-id", "1234-1234"), ("ce-source", "/mycontext"), ("ce-priority", "7"), ("ce-n", "5"), ("cex", "-"), ("c", "-")));

        Assert.StartsWith("id:String=1234-1234|source:Uri=/mycontext|type:String=com.example.someevent|datacontenttype:String=application/json|", read.Attributes, StringComparison.Ordinal);
        Assert.Equal(["n:String=5", "priority:Integer=7", "subject:String=Euro € 😀", "time:Timestamp=2018-04-05T03:56:24Z"], read.Attributes.Split('|')[4..].Order(StringComparer.Ordinal));
        Assert.Equal(("{ \"a\":\n1 }", FrameFlags.Json), (read.Data, read.Flags));
        Assert.Equal((7, true, KeyHash.Of("Euro € 😀"u8)), (read.Batched.Priority, read.Batched.HasClientId, read.Batched.KeyHash));
        Assert.NotEqual(UInt128.Zero, read.Batched.DedupHash);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    [InlineData("a%20b", "a b")]
    [InlineData("%61%62", "ab")]
    [InlineData("%e2%82%ac", "€")]
    [InlineData("%2525", "%25")]
    [InlineData("a b, c", "a b, c")]
    [InlineData("\"a b\"", "a b")]
    [InlineData("\"a \\\"b\\\" \\\\%25\"", "a \"b\" \\%")]
    [InlineData("\"\"", "")]
    [InlineData("a\"b\"", "a\"b\"")]
    public void Header_values_are_unquoted_and_decoded_once(string header, string value) => Assert.Equal(value, One(null, "", headers: Binary(("ce-x", header)))["x"]);

    [Theory]
    [InlineData("%", "holds a '%' without two hexadecimal digits after it; write %25 for a percent sign")]
    [InlineData("50% off", "holds a '%' without two hexadecimal digits after it; write %25 for a percent sign")]
    [InlineData("%4", "holds a '%' without two hexadecimal digits after it; write %25 for a percent sign")]
    [InlineData("%4g", "holds a '%' without two hexadecimal digits after it; write %25 for a percent sign")]
    [InlineData("é", "holds a character beyond ASCII; write its UTF-8 percent-encoded")]
    [InlineData("%00", "'\\u0000' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("a%0D%0Ab", "'a\\u000d\\u000ab' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("%C0%A0", "'\ufffd\ufffd' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")] // the specification's own example
    [InlineData("%ED%A0%80", "'\ufffd\ufffd\ufffd' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("\"a", "'\"a' begins with a quote that nothing closes; write %22 for a quote")]
    [InlineData("\"a\" b", "'\"a\" b' begins with a quote that nothing closes; write %22 for a quote")]
    [InlineData("\"a\\\"", "'\"a\\\"' begins with a quote that nothing closes; write %22 for a quote")]
    [InlineData("\"", "'\"' begins with a quote that nothing closes; write %22 for a quote")]
    public void Other_header_values_are_refused(string header, string detail)
    {
        var fault = Refusal(null, "", headers: Binary(("ce-x", header)));
        Assert.Equal((EventFaults.Malformed, "ce-x: " + detail), (fault.Code, fault.Detail));
    }

    [Theory]
    [InlineData("ce-id")]
    [InlineData("ce-source")]
    [InlineData("ce-type")]
    [InlineData("ce-specversion")]
    public void A_CloudEvent_in_binary_mode_has_all_four(string header)
    {
        var headers = Binary();
        headers.Remove(header);
        Assert.Equal($"{header}: missing; a CloudEvent in binary mode has ce-specversion, ce-id, ce-source and ce-type", Refusal("application/json", "1", headers: headers).Detail);

        headers[header] = "";
        var fault = Refusal("application/json", "1", headers: headers);
        Assert.Equal(header == "ce-specversion" ? "ce-specversion: '' is not a version that is read here; 1.0" : $"{header}: must not be empty", fault.Detail);

        headers[header] = new[] { "1.0", "0.3" };
        fault = Refusal("application/json", "1", headers: headers);
        Assert.Equal(header == "ce-specversion" ? "ce-specversion: '1.0,0.3' is not a version that is read here; 1.0" : $"{header}: there 2 times; once", fault.Detail);
    }

    [Theory]
    [InlineData("9.9")]
    [InlineData("1")]
    [InlineData("1.0.2")]
    [InlineData("1.0, 0.3")]
    [InlineData("1.00000000000000000000000000000000000000000000")]
    public void Other_versions_are_refused(string version)
    {
        var headers = Binary();
        headers["ce-specversion"] = version;
        Assert.Equal($"ce-specversion: '{version}' is not a version that is read here; 1.0", Refusal(null, "", headers: headers).Detail);
    }

    [Theory]
    [InlineData("ce-bad-name", "x")]
    [InlineData("ce-x_y", "x")]
    [InlineData("ce-", "x")]
    [InlineData("ce-data", "x")]
    [InlineData("ce-é", "x")]
    public void Other_names_are_refused(string name, string value) =>
        Assert.Equal($"'{name}': is not the name of an attribute; {AttributeRules.NameRequirement}", Refusal(null, "", headers: Binary((name, value))).Detail);

    [Theory]
    [InlineData("ce-time", "yesterday", "ce-time: 'yesterday' is not a time; RFC 3339, such as 2026-01-31T09:30:00Z")]
    [InlineData("ce-subject", "", "ce-subject: must not be empty")]
    [InlineData("ce-dataschema", "a%20b", "ce-dataschema: 'a b' is not a URI reference; a space is written %20")]
    [InlineData("ce-priority", "07", "ce-priority: '07' is not a priority; an integer from 0 to 9")]
    [InlineData("ce-datacontenttype", "text/plain", "ce-datacontenttype: not allowed in binary mode; Content-Type says it")]
    public void A_wrong_header_is_named_with_what_would_be_right(string name, string value, string detail)
    {
        foreach (var headers in new[] { Binary((name, value)), Headers((name, value)) })
        {
            var fault = Refusal("text/plain", "", headers: headers);
            Assert.Equal((EventFaults.Malformed, detail), (fault.Code, fault.Detail));
        }
    }

    [Theory]
    [InlineData("application/json", "1", FrameFlags.Json)]
    [InlineData("text/json", "1", FrameFlags.Json)]
    [InlineData("application/problem+json", "{}", FrameFlags.Json)]
    [InlineData("text/plain; charset=utf-8", "plain ☃", FrameFlags.Text)]
    [InlineData("text/plain; charset=iso-8859-1", "plain", FrameFlags.None)]
    [InlineData("application/xml", "<a>1</a>", FrameFlags.Text)]
    [InlineData("image/svg+xml", "<a>1</a>", FrameFlags.Text)]
    [InlineData("application/x-www-form-urlencoded", "a=1", FrameFlags.None)]
    [InlineData(null, "{}", FrameFlags.None)]
    [InlineData("application/json", "", FrameFlags.NoData)]
    [InlineData(null, "", FrameFlags.NoData)]
    public void The_media_type_tells_what_data_is(string? contentType, string body, object flags)
    {
        foreach (var headers in new[] { Binary(), Headers() })
        {
            var read = One(contentType, body, headers: headers);
            Assert.Equal((body, (FrameFlags)flags, contentType), (read.Text, read.Flags, read["datacontenttype"]));
        }
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_bytes() =>
        Assert.Equal(FrameFlags.None, Assert.Single(All("text/plain", [0xff, 0xfe])).Flags);

    [Fact]
    public void A_plain_body_gets_its_attributes()
    {
        var read = One("application/json", "{}");

        Assert.Matches("^id:String=019c1363-4a3b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\|source:Uri=/topics/orders\\|type:String=orders.event\\|datacontenttype:String=application/json\\|time:Timestamp=2026-01-31T09:30:00.1234567Z$", read.Attributes);
        Assert.Equal(Now.ToUnixTimeMilliseconds(), Convert.ToInt64("019c13634a3b", 16));
        Assert.Equal((false, UInt128.Zero, false), (read.Batched.HasClientId, read.Batched.DedupHash, read.Batched.HasKey));
    }

    [Fact]
    public void Headers_give_a_plain_body_what_is_not_made()
    {
        var read = One(null, "x", headers: Headers(("ce-subject", "42"), ("ce-type", "order.paid"), ("ce-source", "/shop"), ("ce-time", "2018-04-05T03:56:24Z"), ("Ce-Region", "eu")));

        Assert.Matches("^id:String=[0-9a-f-]{36}\\|source:Uri=/shop\\|type:String=order.paid\\|", read.Attributes);
        Assert.Equal(("42", "2018-04-05T03:56:24Z", "eu"), (read["subject"], read["time"], read["region"]));
        Assert.Equal((KeyHash.Of("42"u8), false), (read.Batched.KeyHash, read.Batched.HasClientId));
    }

    [Fact]
    public void Made_ids_are_ordered_by_time_and_never_the_same()
    {
        var ids = new List<string>();
        var time = new SteppingTime();
        for (var i = 0; i < 20_000; i++)
        {
            ids.Add(One(null, "x", Terms(time: time))["id"]!);
        }

        Assert.Equal(ids.Count, ids.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(ids.Order(StringComparer.Ordinal), ids);
    }

    [Theory]
    [InlineData("{\"a\":1", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 7")]
    [InlineData("[1,\n  x]", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 2, byte 3")]
    [InlineData("\"a", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 3")]
    [InlineData(" ", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 2")]
    public void Broken_JSON_is_refused_and_its_place_named(string body, string detail)
    {
        foreach (var headers in new[] { Binary(), Headers() })
        {
            var fault = Refusal("application/json", body, headers: headers);
            Assert.Equal((EventFaults.Malformed, detail), (fault.Code, fault.Detail));
        }
    }

    [Fact]
    public void JSON_that_is_not_UTF8_is_refused()
    {
        Assert.Equal("body: byte 2 is not of UTF-8", Refusal("application/json", [(byte)'"', 0xff, (byte)'"'], headers: Binary()).Detail);
        Assert.StartsWith("body: ", Refusal("application/json", [(byte)'x', 0xff], headers: Binary()).Detail, StringComparison.Ordinal);
        Assert.StartsWith("body: ", Refusal("application/json", [0xef, 0xbb, 0xbf, (byte)'1'], headers: Binary()).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bare_text_as_JSON_is_the_string_that_the_JavaScript_SDK_meant()
    {
        var read = One("application/json", "it's \\ \"so\"\n☃", headers: Binary());
        Assert.Equal(("\"it's \\\\ \\\"so\\\"\\n☃\"", FrameFlags.Json), (read.Text, read.Flags));

        Assert.StartsWith("body: not valid JSON", Refusal("application/json", "json string").Detail, StringComparison.Ordinal); // a plain body claims nothing
    }

    [Theory]
    [InlineData("json", "Content-Type: 'json' is not a media type; such as application/json")]
    [InlineData("a/b/c", "Content-Type: 'a/b/c' is not a media type; such as application/json")]
    [InlineData("text/pläin", "Content-Type: 'text/pläin' is not a media type; such as application/json")]
    [InlineData("application/cloudevents", "Content-Type: 'application/cloudevents' is not read here; application/cloudevents+json or application/cloudevents-batch+json")]
    [InlineData("application/cloudevents+avro", "Content-Type: 'application/cloudevents+avro' is not read here; application/cloudevents+json or application/cloudevents-batch+json")]
    [InlineData("application/cloudevents+json; charset=utf-16", "Content-Type: 'application/cloudevents+json; charset=utf-16' is not read here; JSON is UTF-8")]
    [InlineData("application/cloudevents-batch+json; charset=utf-8; charset=x", "Content-Type: 'application/cloudevents-batch+json; charset=utf-8; charset=x' is not read here; JSON is UTF-8")]
    [InlineData("application/json; charset=iso-8859-1", "Content-Type: 'application/json; charset=iso-8859-1' is not read here; JSON is UTF-8")]
    public void Other_media_types_are_refused(string contentType, string detail)
    {
        var fault = Refusal(contentType, "[]", headers: Binary());
        Assert.Equal((EventFaults.UnsupportedMediaType, 415, detail), (fault.Code, fault.Code.Status, fault.Detail));
    }

    [Fact]
    public void Compressed_bodies_are_refused()
    {
        var fault = Refusal("text/plain", "x", headers: Headers(("Content-Encoding", "gzip")));
        Assert.Equal((EventFaults.UnsupportedMediaType, "Content-Encoding: 'gzip' is not read here; send the body as it is"), (fault.Code, fault.Detail));
        Assert.Equal("x", One("text/plain", "x", headers: Headers(("Content-Encoding", "Identity"))).Data);
    }

    [Fact]
    public void Terms_that_could_not_be_attributes_are_a_mistake_of_the_caller()
    {
        Assert.Throws<ArgumentException>(() => new EventTerms(null, "a b", "t", TimeProvider.System));
        Assert.Throws<ArgumentException>(() => new EventTerms(null, "/s", "", TimeProvider.System));
    }

    /// <summary>A microsecond later at every look.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        private long _looks;

        public override DateTimeOffset GetUtcNow() => Now.AddMicroseconds(++_looks);
    }
}
