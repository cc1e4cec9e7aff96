using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Tests.Observation;

public sealed class AccessLineTests
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);
    private static readonly DateTimeOffset s_now = new(2025, 11, 21, 3, 52, 0, 123, TimeSpan.FromHours(2));

    [Fact]
    public void A_json_line_has_every_field()
    {
        Assert.Equal(
            """{"time":"2025-11-21T01:52:00.123Z","client":"192.0.2.7","method":"POST","host":"api.example.org:8080","path":"/orders/7","protocol":"HTTP/1.1","status":504,"""
            + "\"bytes_in\":17,\"bytes_out\":122,\"listener\":\"web\",\"route\":\"orders\",\"upstream\":\"orders\",\"endpoint\":\"127.0.0.1:5001\",\"attempts\":2,\"fault\":\"upstream/connect-timeout\",\"detail\":\"no answer within 2 s\","
            + "\"head_ms\":0.042,\"queue_ms\":1.000,\"connect_ms\":2000.500,\"first_byte_ms\":0.000,\"total_ms\":2002.000,"
            + "\"request_id\":\"01JD5\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"user_agent\":\"curl/8.14.1\"}\n",
            Line(Exchanges.Full(), json: true));
    }

    [Fact]
    public void A_text_line_shows_the_first_seven_in_place_and_the_rest_with_the_keys_of_json()
    {
        Assert.Equal(
            "2025-11-21T01:52:00.123Z 192.0.2.7 POST api.example.org:8080 /orders/7 HTTP/1.1 504 bytes_in=17 bytes_out=122 listener=web route=orders upstream=orders endpoint=127.0.0.1:5001 "
            + "attempts=2 fault=upstream/connect-timeout detail=\"no answer within 2 s\" head_ms=0.042 queue_ms=1.000 connect_ms=2000.500 first_byte_ms=0.000 total_ms=2002.000 request_id=01JD5 "
            + "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 user_agent=curl/8.14.1\n",
            Line(Exchanges.Full(), json: false));
    }

    [Fact]
    public void The_query_is_in_no_line()
    {
        Assert.DoesNotContain("secret", Line(Exchanges.Full(), json: true), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", Line(Exchanges.Full(), json: false), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_unknown_is_left_out_of_json_and_a_dash_in_the_places_of_text()
    {
        var exchange = Exchanges.With(e => { e.ClientGone = true; });
        Assert.Equal(
            "{\"time\":\"2025-11-21T01:52:00.123Z\",\"status\":0,\"bytes_in\":0,\"bytes_out\":0,\"attempts\":0,\"client_gone\":true,"
            + "\"head_ms\":0.000,\"queue_ms\":0.000,\"connect_ms\":0.000,\"first_byte_ms\":0.000,\"total_ms\":0.000}\n",
            Line(exchange, json: true));
        Assert.StartsWith("2025-11-21T01:52:00.123Z - - - - - 0 bytes_in=0 bytes_out=0 attempts=0 client_gone=true head_ms=0.000", Line(exchange, json: false), StringComparison.Ordinal);
    }

    [Fact]
    public void An_IPv6_client_is_written_as_such()
    {
        var exchange = Exchanges.With(e => { e.ClientAddress = IPAddress.Parse("2001:db8::7"); });
        Assert.Contains("\"client\":\"2001:db8::7\"", Line(exchange, json: true), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/a b", "\"/a b\"")]
    [InlineData("/\r\nGET", "\"/\\u000d\\u000aGET\"")]
    [InlineData("/\u001b[2J", "\"/\\u001b[2J\"")]
    [InlineData("/\u009b2J", "\"/\\u009b2J\"")]
    [InlineData("/a\"b\\", "\"/a\\\"b\\\\\"")]
    [InlineData("/\u202egnp", "\"/\\u202egnp\"")]
    [InlineData("/\u2028", "\"/\\u2028\"")]
    [InlineData("/\U000e0041", "\"/\\udb40\\udc41\"")]
    [InlineData("/café", "\"/café\"")]
    [InlineData("/😀", "\"/😀\"")]
    public void A_value_that_could_deceive_a_reader_is_quoted_and_escaped_in_text(string path, string written)
    {
        var exchange = Exchanges.With(e => { e.Path = path; e.Protocol = "HTTP/1.1"; });
        Assert.Contains($" - - {written} HTTP/1.1 ", Line(exchange, json: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_a_replacement_character() =>
        Assert.Contains("\"path\":\"/\ufffdx\"", Line(Exchanges.With(e => { e.Path = "/\ud800x"; }), json: true), StringComparison.Ordinal);

    [Fact]
    public void A_long_value_is_clipped_with_an_ellipsis()
    {
        var exchange = Exchanges.With(e => { e.Path = "/" + new string('a', 5000); });
        string path = Parse(Line(exchange, json: true)).GetProperty("path").GetString()!;
        Assert.Equal("/" + new string('a', 2047) + "…", path);
    }

    [Theory]
    [InlineData('\u0001')]
    [InlineData('\ud800')]
    [InlineData('€')]
    [InlineData('"')]
    public void The_longest_line_fits(char c)
    {
        Exchange exchange = Exchanges.Full();
        string much = new(c, 100_000);
        exchange.Listener = exchange.Route = exchange.Upstream = exchange.Endpoint = exchange.RequestId = exchange.Method = exchange.Path = exchange.Protocol = much;
        exchange.Context = Exchanges.Context(much, much);
        exchange.Fault = (Exchanges.ConnectTimeout with { Name = much }).With("");
        exchange.BytesIn = exchange.BytesOut = long.MaxValue;
        exchange.Attempts = exchange.Status = int.MinValue;
        exchange.Head = exchange.Queue = exchange.Connect = exchange.FirstByte = exchange.Total = TimeSpan.MaxValue;
        exchange.ClientAddress = IPAddress.Parse("2001:db8:1111:2222:3333:4444:5555:6666%4294967295");

        Parse(Line(exchange, json: true));
        Assert.EndsWith("…\"\n", Line(exchange, json: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_comes_from_outside_every_json_line_parses_back_to_it() =>
        Prop.ForAll(Awkward(), value =>
        {
            JsonElement line = Parse(Line(With(value), json: true));
            string expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)); // half a pair becomes U+FFFD
            foreach (string key in (string[])["method", "path", "protocol", "request_id", "user_agent", "host", "route"])
            {
                Assert.Equal(expected, value.Length == 0 ? "" : line.GetProperty(key).GetString());
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_comes_from_outside_no_line_holds_a_control_or_format_character_but_its_newline() =>
        Prop.ForAll(Awkward(), value =>
        {
            foreach (bool json in (bool[])[true, false])
            {
                string line = Line(With(value), json);
                Assert.Equal('\n', line[^1]);
                Assert.DoesNotContain(line[..^1].EnumerateRunes(), rune => Rune.GetUnicodeCategory(rune)
                    is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_comes_from_outside_a_text_line_keeps_its_places() =>
        Prop.ForAll(Awkward(), value =>
        {
            string[] parts = Places(Line(With(value), json: false));
            Assert.Equal("2025-11-21T01:52:00.123Z", parts[0]);
            Assert.Equal("192.0.2.7", parts[1]);
            Assert.Equal("204", parts[6]);
            Assert.Equal("bytes_in=1", parts[7]);
        }).QuickCheckThrowOnFailure();

    private static Arbitrary<string> Awkward()
    {
        // Characters that matter more often than chance would have it, among all others.
        Gen<char> chosen = Gen.Elements('\n', '\r', '\t', '\0', '"', '\\', ' ', '=', '\u001b', '\u007f', '\u0085', '\u009b', '\u200b', '\u202e', '\u2028', '\ud83d', '\ude00', '\ufeff', 'é', 'a', '/');
        Gen<char> any = Gen.Choose(0, char.MaxValue).Select(unit => (char)unit);
        return Gen.Frequency((3, chosen), (1, any)).ArrayOf().Select(units => new string(units)).Where(value => value.Length < 100).ToArbitrary();
    }

    private static Exchange With(string value) => new(TimeProvider.System, Exchanges.Telemetry, new FeatureCollection())
    {
        Context = Exchanges.Context(value, value),
        ClientAddress = IPAddress.Parse("192.0.2.7"),
        Method = value,
        Path = value,
        Protocol = value,
        Route = value,
        RequestId = value,
        Status = 204,
        BytesIn = 1,
    };

    /// <summary>Splits at spaces that are not in quotes.</summary>
    private static string[] Places(string line)
    {
        var parts = new List<string> { "" };
        bool quoted = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == ' ' && !quoted)
            {
                parts.Add("");
                continue;
            }

            quoted ^= line[i] == '"';
            parts[^1] += line[i] == '\\' ? line.Substring(i++, 2) : line[i].ToString();
        }

        return [.. parts];
    }

    private static JsonElement Parse(string line) => JsonDocument.Parse(line).RootElement;

    private static string Line(Exchange exchange, bool json)
    {
        byte[] bytes = new byte[AccessLine.MaxBytes];
        return s_strict.GetString(bytes, 0, AccessLine.Format(exchange, json, s_now, bytes));
    }
}
