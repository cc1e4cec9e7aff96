using System.Security.Cryptography;
using Lakou.Core.Hashing;
using Lakou.Messaging.Events;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>The JSON format, one event and batches.</summary>
public sealed class StructuredTests
{
    [Fact]
    public void Attributes_keep_their_types_and_their_order_after_the_first_three()
    {
        var read = One(Structured, """
            {"time":"2018-04-05T17:31:00Z","comexampleextension1":"value","type":"com.example.someevent","comexampleothervalue":5,"flag":true,"dataschema":"https://x.test/s",
             "datacontenttype":"text/xml","data":"<much wow=\"xml\"/>","subject":"123","id":"A234-1234-1234","source":"/mycontext","specversion":"1.0"}
            """);

        Assert.Equal(
            "id:String=A234-1234-1234|source:Uri=/mycontext|type:String=com.example.someevent|time:Timestamp=2018-04-05T17:31:00Z|comexampleextension1:String=value"
            + "|comexampleothervalue:Integer=5|flag:Boolean=true|dataschema:Uri=https://x.test/s|datacontenttype:String=text/xml|subject:String=123",
            read.Attributes);
        Assert.Equal(("<much wow=\"xml\"/>", FrameFlags.Text), (read.Data, read.Flags));
        Assert.True(read.Batched.HasClientId);
    }

    [Theory]
    [InlineData("\"data\": { \"a\" : 1 } ", "{ \"a\" : 1 }")]
    [InlineData("\"data\":null", "null")]
    [InlineData("\"data\":-1.50e3", "-1.50e3")]
    [InlineData("\"data\":\"\\u0061\\/\\ud800\"", "\"\\u0061\\/\\ud800\"")]
    [InlineData("\"data\":[1,\n2],\"datacontenttype\":\"application/vnd.x+json\"", "[1,\n2]")]
    [InlineData("\"datacontenttype\":\"Application/JSON; charset=UTF-8\",\"data_base64\":\"WzFd\"", "[1]")]
    public void Json_data_is_kept_in_its_bytes(string members, string expected)
    {
        var read = One(Structured, Json(members));
        Assert.Equal((expected, FrameFlags.Json), (read.Data, read.Flags));
    }

    [Theory]
    [InlineData("", "", FrameFlags.NoData)]
    [InlineData("\"datacontenttype\":\"application/json\"", "", FrameFlags.NoData)]
    [InlineData("\"data_base64\":null", "", FrameFlags.NoData)]
    [InlineData("\"data_base64\":\"AP8=\"", "\0\u00ff", FrameFlags.None)]
    [InlineData("\"data_base64\":\"\"", "", FrameFlags.None)]
    [InlineData("\"data_base64\":\"\\/\\/\\/\\/\"", "\u00ff\u00ff\u00ff", FrameFlags.None)]
    [InlineData("\"datacontenttype\":\"text/plain\",\"data_base64\":\"aGk=\"", "hi", FrameFlags.Text)]
    [InlineData("\"datacontenttype\":\"text/plain; charset=iso-8859-1\",\"data_base64\":\"aGk=\"", "hi", FrameFlags.None)]
    [InlineData("\"datacontenttype\":\"text/plain\",\"data_base64\":\"AP8=\"", "\0\u00ff", FrameFlags.None)]
    [InlineData("\"datacontenttype\":\"text/plain\",\"data\":\"\"", "", FrameFlags.Text)]
    [InlineData("\"datacontenttype\":\"application/x\",\"data\":\"a\\n\\u0062\"", "a\nb", FrameFlags.Text)]
    public void Data_is_text_or_bytes_by_its_media_type(string members, string data, object flags)
    {
        var read = One(Structured, Json(members));
        Assert.Equal((data, (FrameFlags)flags), (read.Data, read.Flags));
    }

    [Fact]
    public void Null_is_the_same_as_nothing() => Assert.Equal("id:String=1|source:Uri=/s|type:String=t", One(Structured, Json("\"subject\":null,\"x\":null")).Attributes);

    [Fact]
    public void Strings_lose_their_escapes() =>
        Assert.Equal("a/\"\\€😀é", One(Structured, Json("\"subject\":\"a\\/\\\"\\\\\\u20ac\\ud83d\\ude00é\""))["subject"]);

    [Theory]
    [InlineData("-0", "0")]
    [InlineData("-2147483648", "-2147483648")]
    [InlineData("2147483647", "2147483647")]
    public void Integers_are_kept_in_one_form(string written, string kept) => Assert.EndsWith($"|n:Integer={kept}", One(Structured, Json($"\"n\":{written}")).Attributes, StringComparison.Ordinal);

    [Theory]
    [InlineData("application/cloudevents+json")]
    [InlineData("application/cloudevents+json; charset=utf-8")]
    [InlineData("Application/CloudEvents+JSON;charset=\"UTF-8\" ; x=y;")]
    public void The_media_type_has_many_spellings(string contentType) => Assert.Equal("1", One(contentType, Json(""))["id"]);

    [Fact]
    public void Headers_say_nothing_of_a_structured_event() =>
        Assert.Equal("id:String=1|source:Uri=/s|type:String=t", One(Structured, Json(""), headers: Headers(("ce-id", "other"), ("ce-Bad-Name", "x"))).Attributes);

    [Fact]
    public void A_batch_is_read_in_order()
    {
        var events = All(Batch, Utf8($"[ {Json("\"subject\":\"a\",\"priority\":9,\"data\":1")} ,{Json("\"subject\":\"b\"")},\n{Json("\"x\":\"\"")}]"));

        Assert.Equal([("a", 9, "1"), ("b", 4, ""), (null, 4, "")], events.Select(e => (e["subject"], (int)e.Batched.Priority, e.Data)));
        Assert.Equal([true, true, false], events.Select(e => e.Batched.HasKey));
        Assert.Equal([KeyHash.Of("a"u8), KeyHash.Of("b"u8), 0], events.Select(e => e.Batched.KeyHash));
        Assert.Equal(0, events[0].Batched.Start);
        Assert.Equal(events[0].Batched.Length, events[1].Batched.Start);
    }

    [Fact]
    public void An_empty_batch_holds_nothing() => Assert.Empty(All(Batch, Utf8(" [ ] ")));

    [Theory]
    [InlineData("type", "t")]
    [InlineData("id", "1")]
    [InlineData("n", "5")]
    [InlineData("time", "2026-01-31T09:30:00Z")]
    public void Any_attribute_may_be_the_key(string key, string value)
    {
        var read = One(Structured, Json("\"n\":5,\"time\":\"2026-01-31T09:30:00Z\""), Terms(key));
        Assert.Equal((KeyHash.Of(Utf8(value)), true), (read.Batched.KeyHash, read.Batched.HasKey));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("subject")]
    [InlineData("x")]
    public void Without_the_attribute_or_with_an_empty_one_there_is_no_key(string? key)
    {
        var read = One(Structured, Json("\"x\":\"\""), Terms(key));
        Assert.Equal((0ul, false), (read.Batched.KeyHash, read.Batched.HasKey));
    }

    [Fact]
    public void Source_and_id_identify_an_event()
    {
        var read = One(Structured, Json(""));
        var hash = SHA256.HashData([2, 0, 0, 0, (byte)'/', (byte)'s', (byte)'1'])[..16];
        Assert.Equal(hash, Enumerable.Range(0, 16).Select(i => (byte)(read.Batched.DedupHash >> (8 * i))).ToArray());

        // The same letters, cut elsewhere.
        var other = One(Structured, """{"specversion":"1.0","id":"s1","source":"/","type":"t"}""");
        Assert.NotEqual(read.Batched.DedupHash, other.Batched.DedupHash);
    }

    [Theory]
    [InlineData("4", 4)]
    [InlineData("0", 0)]
    [InlineData("9", 9)]
    [InlineData("\"7\"", 7)] // a gateway from binary mode has nothing but strings
    public void Priority_is_an_extension(string written, int priority)
    {
        var read = One(Structured, Json($"\"priority\":{written}"));
        Assert.Equal(priority, read.Batched.Priority);
        Assert.EndsWith($"|priority:Integer={priority}", read.Attributes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-01-31T09:30:00Z")]
    [InlineData("2026-01-31t09:30:00z")]
    [InlineData("2026-01-31T09:30:00.123456789123+23:59")]
    [InlineData("2024-02-29T23:59:60-00:00")]
    [InlineData("0000-02-29T00:00:00Z")]
    public void Time_is_of_RFC_3339(string time) => Assert.Equal(time, One(Structured, Json($"\"time\":\"{time}\""))["time"]);

    [Theory]
    [InlineData("yesterday")]
    [InlineData("")]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T09:30Z")]
    [InlineData("2026-01-31T09:30:00")]
    [InlineData("2026-01-31 09:30:00Z")]
    [InlineData("2026-01-31T09:30:00.Z")]
    [InlineData("2026-01-31T09:30:00,5Z")]
    [InlineData("2026-01-31T09:30:00+01")]
    [InlineData("2026-01-31T09:30:00+0100")]
    [InlineData("2026-01-31T09:30:00+24:00")]
    [InlineData("2026-01-31T24:00:00Z")]
    [InlineData("2026-01-31T09:60:00Z")]
    [InlineData("2026-01-31T09:30:61Z")]
    [InlineData("2026-13-01T09:30:00Z")]
    [InlineData("2026-02-29T09:30:00Z")]
    [InlineData("0001-02-29T09:30:00Z")]
    [InlineData("2026-00-10T09:30:00Z")]
    [InlineData("2026-01-00T09:30:00Z")]
    [InlineData("2026-01-31T09:30:00ZZ")]
    [InlineData("+026-01-31T09:30:00Z")]
    public void Other_times_are_refused(string time)
    {
        var fault = Refusal(Structured, Json($"\"time\":\"{time}\""));
        Assert.Equal((EventFaults.Malformed, time.Length == 0 ? "time: must not be empty" : $"time: '{time}' is not a time; RFC 3339, such as 2026-01-31T09:30:00Z"), (fault.Code, fault.Detail));
    }

    [Theory]
    [InlineData("{", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 2")]
    [InlineData("", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 1")]
    [InlineData("[]", "event: not an event; a JSON object")]
    [InlineData("5", "event: not an event; a JSON object")]
    [InlineData("{}", "specversion: missing; \"1.0\"")]
    [InlineData("""{"specversion":1.0,"id":"1","source":"/s","type":"t"}""", "specversion: '1.0' is not a version that is read here; \"1.0\"")]
    [InlineData("""{"specversion":"0.3","id":"1","source":"/s","type":"t"}""", "specversion: '\"0.3\"' is not a version that is read here; \"1.0\"")]
    [InlineData("""{"specversion":"1.0","source":"/s","type":"t"}""", "id: missing; every event has specversion, id, source and type")]
    [InlineData("""{"specversion":"1.0","id":null,"source":"/s","type":"t"}""", "id: missing; every event has specversion, id, source and type")]
    [InlineData("""{"specversion":"1.0","id":"1","type":"t"}""", "source: missing; every event has specversion, id, source and type")]
    [InlineData("""{"specversion":"1.0","id":"1","source":"/s"}""", "type: missing; every event has specversion, id, source and type")]
    [InlineData("""{"specversion":"1.0","id":"","source":"/s","type":"t"}""", "id: must not be empty")]
    [InlineData("""{"specversion":"1.0","id":5,"source":"/s","type":"t"}""", "id: must be a string, not 5")]
    [InlineData("""{"specversion":"1.0","id":{},"source":"/s","type":"t"}""", "id: must be a string, an integer or a boolean; only data may be an object or an array")]
    [InlineData("""{"specversion":"1.0","id":"1","source":"a b","type":"t"}""", "source: 'a b' is not a URI reference; a space is written %20")]
    [InlineData("""{"specversion":"1.0","id":"1","source":"/s","type":""}""", "type: must not be empty")]
    [InlineData("""{"specversion":"1.0","id":"1","source":"/s","type":"t"} x""", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 57")]
    public void What_is_no_event_is_refused(string body, string detail)
    {
        var fault = Refusal(Structured, body);
        Assert.Equal((EventFaults.Malformed, detail), (fault.Code, fault.Detail));
    }

    [Theory]
    [InlineData("\"subject\":\"\"", "subject: must not be empty")]
    [InlineData("\"subject\":5", "subject: must be a string, not 5")]
    [InlineData("\"partitionkey\":\"\"", "partitionkey: must not be empty")]
    [InlineData("\"dataschema\":\"a b\"", "dataschema: 'a b' is not a URI reference; a space is written %20")]
    [InlineData("\"dataschema\":true", "dataschema: must be a string, not true")]
    [InlineData("\"Bad\":\"x\"", "'Bad': is not the name of an attribute; a name is 1 to 64 of a-z and 0-9, and not 'data'")]
    [InlineData("\"\":\"x\"", "'': is not the name of an attribute; a name is 1 to 64 of a-z and 0-9, and not 'data'")]
    [InlineData("\"a_b\":null", "'a_b': is not the name of an attribute; a name is 1 to 64 of a-z and 0-9, and not 'data'")]
    [InlineData("\"\\u0069d\":\"x\"", "'\\u0069d': is not the name of an attribute; a name is 1 to 64 of a-z and 0-9, and not 'data'")]
    [InlineData("\"é\":\"x\"", "'é': is not the name of an attribute; a name is 1 to 64 of a-z and 0-9, and not 'data'")]
    [InlineData("\"id\":\"2\"", "id: there twice; once")]
    [InlineData("\"specversion\":\"1.0\"", "specversion: there twice; once")]
    [InlineData("\"x\":\"2\",\"y\":1,\"x\":\"2\"", "x: there twice; once")]
    [InlineData("\"x\":null,\"x\":\"2\"", "x: there twice; once")]
    [InlineData("\"data\":null,\"data\":1", "data: there twice; once")]
    [InlineData("\"data\":1,\"data_base64\":\"AA==\"", "data_base64: there beside data; one of them")]
    [InlineData("\"data\":null,\"data_base64\":\"AA==\"", "data_base64: there beside data; one of them")]
    [InlineData("\"data_base64\":\"***\"", "data_base64: not base64; RFC 4648 §4, with padding")]
    [InlineData("\"data_base64\":\"AA\"", "data_base64: not base64; RFC 4648 §4, with padding")]
    [InlineData("\"data_base64\":\"A A==\"", "data_base64: not base64; RFC 4648 §4, with padding")]
    [InlineData("\"data_base64\":\"AA==\\n\"", "data_base64: not base64; RFC 4648 §4, with padding")]
    [InlineData("\"data_base64\":\"_-__\"", "data_base64: not base64; RFC 4648 §4, with padding")]
    [InlineData("\"data_base64\":5", "data_base64: must be a string of base64")]
    [InlineData("\"data_base64\":[]", "data_base64: must be a string, an integer or a boolean; only data may be an object or an array")]
    [InlineData("\"data_base64\":\"ew==\",\"datacontenttype\":\"application/json\"", "data_base64: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 2")]
    [InlineData("\"data\":{},\"datacontenttype\":\"text/plain\"", "data: must be a string, since datacontenttype is not of JSON; or data_base64")]
    [InlineData("\"data\":\"a\",\"datacontenttype\":\"text/plain; charset=latin1\"", "data: cannot be a string of another charset than UTF-8; data_base64 can")]
    [InlineData("\"data\":\"\\ud800\",\"datacontenttype\":\"text/plain\"", "data: holds half of a surrogate pair")]
    [InlineData("\"datacontenttype\":\"json\"", "datacontenttype: 'json' is not a media type; such as application/json, at most 300 characters")]
    [InlineData("\"datacontenttype\":\"text/plain; charset\"", "datacontenttype: 'text/plain; charset' is not a media type; such as application/json, at most 300 characters")]
    [InlineData("\"datacontenttype\":\"text/plain; a=\\\"\\\\\"", "datacontenttype: 'text/plain; a=\"\\' is not a media type; such as application/json, at most 300 characters")]
    [InlineData("\"datacontenttype\":\"application/json; charset=utf-16\"", "datacontenttype: 'application/json; charset=utf-16' is no charset for JSON; UTF-8 alone")]
    [InlineData("\"datacontenttype\":\"application/cloudevents+json\"", "datacontenttype: 'application/cloudevents+json' cannot be the media type of data: in binary mode it would announce a structured event")]
    [InlineData("\"x\":[]", "x: must be a string, an integer or a boolean; only data may be an object or an array")]
    [InlineData("\"x\":{\"a\":1}", "x: must be a string, an integer or a boolean; only data may be an object or an array")]
    [InlineData("\"x\":1.5", "x: '1.5' is not an integer of 32 bits; other numbers are written as strings")]
    [InlineData("\"x\":1e2", "x: '1e2' is not an integer of 32 bits; other numbers are written as strings")]
    [InlineData("\"x\":2147483648", "x: '2147483648' is not an integer of 32 bits; other numbers are written as strings")]
    [InlineData("\"x\":\"\\u0000\"", "x: '\\u0000' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("\"x\":\"\\u0085\"", "x: '\\u0085' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("\"x\":\"\\ufdd0\"", "x: '\ufdd0' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("\"x\":\"\\udbff\\udfff\"", "x: '\\udbff\\udfff' holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")]
    [InlineData("\"x\":\"\\ud800\"", "x: holds half of a surrogate pair")]
    [InlineData("\"priority\":10", "priority: '10' is not a priority; an integer from 0 to 9")]
    [InlineData("\"priority\":-1", "priority: '-1' is not a priority; an integer from 0 to 9")]
    [InlineData("\"priority\":\"high\"", "priority: 'high' is not a priority; an integer from 0 to 9")]
    [InlineData("\"priority\":true", "priority: 'true' is not a priority; an integer from 0 to 9")]
    public void A_wrong_member_is_named_with_what_would_be_right(string members, string detail)
    {
        var one = Refusal(Structured, Json(members));
        Assert.Equal((EventFaults.Malformed, detail), (one.Code, one.Detail));

        var second = Refusal(Batch, $"[{Json("")},{Json(members)}]");
        Assert.Equal((EventFaults.Malformed, "[1]." + detail), (second.Code, second.Detail));
    }

    [Theory]
    [InlineData("{}", "body: not a batch; an array of events")]
    [InlineData("[5]", "[0]: not an event; a JSON object")]
    [InlineData("[[]]", "[0]: not an event; a JSON object")]
    [InlineData("[{}]", "[0].specversion: missing; \"1.0\"")]
    [InlineData("[", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 2")]
    [InlineData("[],", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 1, byte 3")]
    [InlineData("[\n,]", "body: not valid JSON, or nested too deep (data may have 64 levels), at line 2, byte 1")]
    public void What_is_no_batch_is_refused(string body, string detail)
    {
        var fault = Refusal(Batch, body);
        Assert.Equal((EventFaults.Malformed, detail), (fault.Code, fault.Detail));
    }

    [Fact]
    public void What_is_not_UTF8_is_refused_and_its_byte_named()
    {
        Assert.Equal("body: byte 5 is not of UTF-8", Refusal(Structured, [.. "{\"a\""u8, 0xff, .. ":1}"u8]).Detail);
        Assert.Equal("body: byte 1 is not of UTF-8", Refusal(Batch, [0xc0, 0xa0]).Detail);
        Assert.StartsWith("body: not valid JSON", Refusal(Structured, [0xef, 0xbb, 0xbf, .. Utf8(Json(""))]).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Structured, 64, true)]
    [InlineData(Structured, 65, false)]
    [InlineData(Batch, 64, true)]
    [InlineData(Batch, 65, false)]
    public void Data_may_have_64_levels(string contentType, int levels, bool isAllowed)
    {
        var body = Json($"\"data\":{new string('[', levels)}{new string(']', levels)}");
        using var batch = new EventBatch();
        Assert.Equal(isAllowed, Read(batch, contentType, Utf8(contentType == Batch ? $"[{body}]" : body)) is null);
    }
}
