using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Lakou.Gateway.Observation;

/// <summary>
/// One line of the access log, formatted straight into bytes.
/// <code>
/// json: {"time":"…","client":"…",…}\n           what is unknown is left out
/// text: time client method host path protocol status bytes_in=0 … \n      the first seven stand in place, - for unknown
/// </code>
/// Whatever comes from outside is clipped and escaped: a line never holds a control character, a format character
/// (which would turn the direction of a terminal) or half a surrogate pair.
/// </summary>
internal ref partial struct AccessLine
{
    /// <summary>
    /// More than any line can need: the clips below are 4,100 characters, each at most 6 bytes when escaped,
    /// and everything else is names of keys and numbers of less than 1 KiB.
    /// </summary>
    public const int MaxBytes = 26 * 1024;

    // Clips, in characters. Paths up to 2,000 are what browsers and proxies agree on; a host name has 253 and a port 6.
    private const int PathClip = 2048;
    private const int HostClip = 260;
    private const int UserAgentClip = 512;
    private const int NameClip = 128;
    private const int DetailClip = 256;
    private const int NumberClip = 10;

    private static readonly SearchValues<char> s_plainJson =
        SearchValues.Create(Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\')).ToArray());

    private static readonly SearchValues<char> s_plainText =
        SearchValues.Create(Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\')).ToArray());

    private readonly Span<byte> _to;
    private readonly bool _json;
    private int _at;

    private AccessLine(Span<byte> to, bool json)
    {
        _to = to;
        _json = json;
    }

    /// <param name="exchange">Finished.</param>
    /// <param name="json">JSON, else text.</param>
    /// <param name="now">The end of the exchange.</param>
    /// <param name="destination">At least <see cref="MaxBytes"/>.</param>
    /// <returns>Bytes written, the newline included.</returns>
    public static int Format(Exchange exchange, bool json, DateTimeOffset now, Span<byte> destination)
    {
        var line = new AccessLine(destination, json);
        line.Leading(exchange, now);
        line.Number("bytes_in"u8, exchange.BytesIn);
        line.Number("bytes_out"u8, exchange.BytesOut);
        line.Optional("listener"u8, exchange.Listener, NameClip);
        line.Optional("route"u8, exchange.Route, NameClip);
        line.Optional("upstream"u8, exchange.Upstream, NameClip);
        line.Optional("endpoint"u8, exchange.Endpoint, NameClip);
        line.Number("attempts"u8, exchange.Attempts);
        line.Optional("grpc_status"u8, exchange.GrpcStatus, NumberClip);
        line.Optional("fault"u8, exchange.Fault?.Code.Name, NameClip);
        line.Optional("detail"u8, exchange.Fault?.Detail, DetailClip);
        if (exchange.ClientGone)
        {
            line.Key("client_gone"u8);
            line.Raw("true"u8);
        }

        line.Milliseconds("head_ms"u8, exchange.Head);
        line.Milliseconds("queue_ms"u8, exchange.Queue);
        line.Milliseconds("connect_ms"u8, exchange.Connect);
        line.Milliseconds("first_byte_ms"u8, exchange.FirstByte);
        line.Milliseconds("total_ms"u8, exchange.Total);
        line.Optional("request_id"u8, exchange.RequestId, NameClip);
        line.TraceId(exchange.Trace);
        line.Optional("user_agent"u8, exchange.Context?.Request.Headers.UserAgent.ToString(), UserAgentClip);
        line.Raw(json ? "}\n"u8 : "\n"u8);
        return line._at;
    }

    /// <summary>What a text line shows in place, without keys.</summary>
    private void Leading(Exchange exchange, DateTimeOffset now)
    {
        Raw(_json ? "{\"time\":\""u8 : ""u8);
        Time(now);
        Raw(_json ? "\""u8 : ""u8);
        Client(exchange.ClientAddress);
        Placed("method"u8, exchange.Method, NameClip);
        Placed("host"u8, exchange.Context?.Request.Host.Value, HostClip);
        Placed("path"u8, exchange.Path, PathClip);
        Placed("protocol"u8, exchange.Protocol, NameClip);
        if (_json)
        {
            Key("status"u8);
        }
        else
        {
            Raw(" "u8);
        }

        Digits(exchange.Status);
    }

    private void Time(DateTimeOffset now)
    {
        // The round-trip form, cut after the milliseconds: 2025-11-21T01:52:00.123|4567Z
        const int Milliseconds = 23;
        now.UtcDateTime.TryFormat(_to[_at..], out _, "O", CultureInfo.InvariantCulture);
        _at += Milliseconds;
        Raw("Z"u8);
    }

    private void Client(IPAddress? address)
    {
        if (address is null)
        {
            Placed("client"u8, null, NameClip);
            return;
        }

        Raw(_json ? ",\"client\":\""u8 : " "u8);
        address.TryFormat(_to[_at..], out int written);
        _at += written;
        Raw(_json ? "\""u8 : ""u8);
    }

    private void Placed(ReadOnlySpan<byte> key, string? value, int clip)
    {
        if (_json)
        {
            Optional(key, value, clip);
            return;
        }

        Raw(" "u8);
        Value(string.IsNullOrEmpty(value) ? "-" : value, clip);
    }

    private void Optional(ReadOnlySpan<byte> key, string? value, int clip)
    {
        if (!string.IsNullOrEmpty(value))
        {
            Key(key);
            Value(value, clip);
        }
    }

    private void Number(ReadOnlySpan<byte> key, long value)
    {
        Key(key);
        Digits(value);
    }

    private void Milliseconds(ReadOnlySpan<byte> key, TimeSpan duration)
    {
        Key(key);
        (ulong whole, ulong part) = Math.DivRem((ulong)Math.Max(0, duration.Ticks) / TimeSpan.TicksPerMicrosecond, 1000);
        Digits((long)whole);
        Span<byte> digits = _to.Slice(_at, 4);
        digits[0] = (byte)'.';
        digits[1] = (byte)('0' + (part / 100));
        digits[2] = (byte)('0' + (part / 10 % 10));
        digits[3] = (byte)('0' + (part % 10));
        _at += digits.Length;
    }

    private void TraceId(in TraceContext trace)
    {
        if (trace.Exists)
        {
            Key("trace_id"u8);
            Raw(_json ? "\""u8 : ""u8);
            _at += trace.WriteTraceId(_to[_at..]);
            Raw(_json ? "\""u8 : ""u8);
        }
    }

    private void Key(ReadOnlySpan<byte> key)
    {
        Raw(_json ? ",\""u8 : " "u8);
        Raw(key);
        Raw(_json ? "\":"u8 : "="u8);
    }

    private void Value(ReadOnlySpan<char> value, int clip)
    {
        bool clipped = value.Length > clip;
        value = clipped ? value[..clip] : value;
        bool quoted = _json || clipped || value.ContainsAnyExcept(s_plainText);
        Raw(quoted ? "\""u8 : ""u8);
        while (!value.IsEmpty)
        {
            int plain = value.IndexOfAnyExcept(s_plainJson);
            ReadOnlySpan<char> run = plain < 0 ? value : value[..plain];
            _at += Encoding.ASCII.GetBytes(run, _to[_at..]);
            value = value[run.Length..];
            if (!value.IsEmpty)
            {
                Rune.DecodeFromUtf16(value, out Rune rune, out int used);
                Escaped(rune);
                value = value[used..];
            }
        }

        Raw(clipped ? "…"u8 : ""u8);
        Raw(quoted ? "\""u8 : ""u8);
    }

    private void Escaped(Rune rune)
    {
        if (rune.Value is '"' or '\\')
        {
            Raw("\\"u8);
            _to[_at++] = (byte)rune.Value;
        }
        else if (IsVisible(rune))
        {
            _at += rune.EncodeToUtf8(_to[_at..]);
        }
        else
        {
            Span<char> units = stackalloc char[2];
            foreach (char unit in units[..rune.EncodeToUtf16(units)])
            {
                Raw("\\u"u8);
                Utf8Formatter.TryFormat((ushort)unit, _to[_at..], out int written, new StandardFormat('x', 4));
                _at += written;
            }
        }
    }

    private static bool IsVisible(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);

    private void Digits(long value)
    {
        if ((ulong)value < 10)
        {
            _to[_at++] = (byte)('0' + value);
            return;
        }

        Utf8Formatter.TryFormat(value, _to[_at..], out int written);
        _at += written;
    }

    // Inlined, a literal becomes a few moves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_to[_at..]);
        _at += bytes.Length;
    }
}
