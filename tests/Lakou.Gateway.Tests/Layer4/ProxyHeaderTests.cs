using System.Buffers;
using System.Net;
using System.Text;
using Lakou.Gateway.Layer4;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class ProxyHeaderTests
{
    private const string SignatureV2 = "\r\n\r\n\0\r\nQUIT\n";

    public static TheoryData<string, string?, string?> Headers => new()
    {
        { "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1:56324", "198.51.100.1:443" },
        { "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535", "255.255.255.255:65535" },
        { "PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n", "192.0.2.1:0", "198.51.100.1:0" },
        { "PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 56324 443\r\n", "[2001:db8::1]:56324", "[2001:db8::2]:443" },
        { "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
        { "PROXY UNKNOWN\r\n", null, null },
        { "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", null, null }, // the longest
        { SignatureV2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", "192.0.2.1:56324", "198.51.100.1:443" },
        { SignatureV2 + "\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb\x04\x00\x01\x00", "192.0.2.1:56324", "198.51.100.1:443" }, // a TLV
        { SignatureV2 + "\x21\x21\x00\x24" + V6(1) + V6(2) + "\xdc\x04\x01\xbb", "[2001:db8::1]:56324", "[2001:db8::2]:443" },
        { SignatureV2 + "\x20\x00\x00\x00", null, null }, // LOCAL
        { SignatureV2 + "\x20\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", null, null }, // LOCAL; what it holds is skipped
        { SignatureV2 + "\x21\x00\x00\x03\x00\x00\x00", null, null }, // unspecified
        { SignatureV2 + "\x21\x12\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", null, null }, // a datagram's
        { SignatureV2 + "\x21\x31\x00\xd8" + new string('/', 216), null, null }, // a Unix socket's
        { SignatureV2 + "\x21\x11\x0f\xf0\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb" + new string('\xee', 4068), "192.0.2.1:56324", "198.51.100.1:443" }, // 4 KiB in all
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_header_is_read_from_every_prefix_and_nothing_after_it(string text, string? source, string? destination)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Equal(ProxyHeaderStatus.NeedMore, ProxyHeader.Parse(new ReadOnlySequence<byte>(bytes, 0, length), out _, out var none));
            Assert.Equal(0, none);
        }

        foreach (var sequence in (ReadOnlySequence<byte>[])[new(bytes), Pieces.Single(bytes), new([.. bytes, (byte)'P', (byte)'\n'])])
        {
            Assert.Equal(ProxyHeaderStatus.Found, ProxyHeader.Parse(sequence, out var header, out var taken));
            Assert.Equal(bytes.Length, taken);
            Assert.Equal((source, destination), (header.Source?.ToString(), header.Destination?.ToString()));
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PROXx")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\rx")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n")]
    [InlineData("PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n")]
    [InlineData("PROXY TCP4 192.0.2 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP4 0xc0.0.2.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP4 192.0.02.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 00 443\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n")]
    [InlineData("PROXY TCP6 192.0.2.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP6 [2001:db8::1] 2001:db8::2 56324 443\r\n")]
    [InlineData("PROXY TCP6 fe80::1%1 2001:db8::2 56324 443\r\n")]
    [InlineData("PROXY tcp4 192.0.2.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY UDP4 192.0.2.1 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY UNKNOWNX\r\n")]
    [InlineData("PROXY \r\n")]
    [InlineData(SignatureV2 + "\x11\x11\x00\x00")] // version 1
    [InlineData(SignatureV2 + "\x22\x11\x00\x00")] // command 2
    [InlineData(SignatureV2 + "\x21\x41\x00\x00")] // family 4
    [InlineData(SignatureV2 + "\x21\x13\x00\x00")] // transport 3
    [InlineData(SignatureV2 + "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01")] // a byte short
    [InlineData(SignatureV2 + "\x21\x11\x0f\xf1")] // 4 KiB and one
    [InlineData("\r\n\r\n\0\r\nQUIT\r")]
    public void What_is_no_header_is_refused(string text)
        => Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.Parse(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(text)), out _, out _));

    [Fact]
    public void A_text_without_an_end_is_refused_at_107_bytes()
    {
        var bytes = Encoding.Latin1.GetBytes("PROXY UNKNOWN " + new string('x', 200));
        Assert.Equal(ProxyHeaderStatus.NeedMore, ProxyHeader.Parse(new ReadOnlySequence<byte>(bytes, 0, 106), out _, out _));
        Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.Parse(new ReadOnlySequence<byte>(bytes, 0, 107), out _, out _));
    }

    [Theory]
    [InlineData("192.0.2.1:1", "198.51.100.1:2", "192.0.2.1:1", "198.51.100.1:2")]
    [InlineData("[2001:db8::1]:1", "[2001:db8::2]:2", "[2001:db8::1]:1", "[2001:db8::2]:2")]
    [InlineData("[::ffff:192.0.2.1]:1", "[::ffff:198.51.100.1]:2", "192.0.2.1:1", "198.51.100.1:2")]
    [InlineData("192.0.2.1:1", "[2001:db8::2]:2", "[::ffff:192.0.2.1]:1", "[2001:db8::2]:2")]
    [InlineData("[fe80::1%3]:1", "[fe80::2%3]:2", "[fe80::1]:1", "[fe80::2]:2")]
    public void What_is_written_is_read_again_in_one_family(string source, string destination, string readSource, string readDestination)
    {
        foreach (var version in (ProxyProtocol[])[ProxyProtocol.V1, ProxyProtocol.V2])
        {
            var output = new ArrayBufferWriter<byte>();
            ProxyHeader.Write(output, version, IPEndPoint.Parse(source), IPEndPoint.Parse(destination));
            Assert.Equal(ProxyHeaderStatus.Found, ProxyHeader.Parse(new(output.WrittenMemory), out var header, out var length));
            Assert.Equal(output.WrittenCount, length);
            Assert.Equal((readSource, readDestination), (header.Source!.ToString(), header.Destination!.ToString()));
        }
    }

    [Fact]
    public void What_has_no_IP_address_is_written_as_unknown()
    {
        var unix = new System.Net.Sockets.UnixDomainSocketEndPoint("/run/a.sock");
        Assert.Equal("PROXY UNKNOWN\r\n", Written(ProxyProtocol.V1, unix));
        Assert.Equal(SignatureV2 + "\x21\x00\x00\x00", Written(ProxyProtocol.V2, unix));
        Assert.Equal("PROXY UNKNOWN\r\n", Written(ProxyProtocol.V1, null));

        static string Written(ProxyProtocol version, EndPoint? end)
        {
            var output = new ArrayBufferWriter<byte>();
            ProxyHeader.Write(output, version, end, end);
            return Encoding.Latin1.GetString(output.WrittenSpan);
        }
    }

    [Fact]
    public void Whatever_changes_in_it_nothing_is_thrown()
    {
        var seeds = Headers.Select(row => Encoding.Latin1.GetBytes(row.Data.Item1)).ToArray();
        var random = new Random(20251121);
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = seeds[i % seeds.Length].ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(Math.Min(bytes.Length, 60));
                bytes[at] = random.Next(4) switch { 0 => (byte)' ', 1 => (byte)'\r', 2 => (byte)(bytes[at] + 1), _ => (byte)random.Next(256) };
            }

            var status = ProxyHeader.Parse(Pieces.CutAt(bytes, random.Next(1, bytes.Length)), out var header, out var length);
            Assert.Equal(status, ProxyHeader.Parse(new(bytes), out var same, out var sameLength));
            Assert.Equal((header.ToString(), length), (same.ToString(), sameLength));
            Assert.Equal(status == ProxyHeaderStatus.Found, length > 0);
        }
    }

    private static string V6(int last) => "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" + (char)last;
}
