using System.Buffers;
using Lakou.Gateway.Layer4;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class ClientHelloTests
{
    private const string Name = "a.example.org";

    [Theory]
    [InlineData("a.example.org", 0)]
    [InlineData("A.Example.ORG", 0)]
    [InlineData("a.example.org", 500)] // 8 KB of protocols
    [InlineData("", 0)]
    public async Task What_SslStream_sends_is_read_from_every_prefix(string name, int protocols)
        => Climb(await Hello.OfSslStreamAsync(name, protocols), name.Length == 0 ? null : Name);

    [Fact]
    public async Task What_openssl_sends_is_read_from_every_prefix() => Climb(await Hello.OfOpensslAsync("-servername", Name), Name);

    [Fact]
    public async Task What_openssl_sends_of_TLS_1_2_is_read_from_every_prefix() => Climb(await Hello.OfOpensslAsync("-servername", Name, "-tls1_2"), Name);

    [Fact]
    public async Task What_openssl_sends_without_a_name_is_read_from_every_prefix() => Climb(await Hello.OfOpensslAsync("-noservername"), null);

    [Fact]
    public async Task What_openssl_sends_with_many_protocols_is_read_from_every_prefix()
        => Climb(await Hello.OfOpensslAsync("-servername", Name, "-alpn", string.Join(',', Enumerable.Range(0, 500).Select(i => $"protocol-{i:0000}"))), Name);

    [Theory]
    [InlineData(36)]
    [InlineData(1_216)]
    [InlineData(16_000)]
    public void A_large_key_share_does_not_hide_the_name(int keyShare)
    {
        Climb(Hello.With(Name, keyShare), Name);
        Climb(Hello.With([], keyShare, Hello.ServerName(Name)), Name); // the name comes last
    }

    [Fact]
    public async Task A_message_may_be_cut_anywhere()
    {
        var hello = await Hello.OfSslStreamAsync(Name);
        for (var at = 1; at < hello.Length; at++)
        {
            Found(Pieces.CutAt(hello, at), Name);
        }

        Found(Pieces.Single(hello), Name);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(100)]
    public async Task A_message_may_lie_in_many_records(int size)
    {
        var hello = Hello.Fragmented(await Hello.OfSslStreamAsync(Name), size);
        Climb(hello, Name);
        Found(Pieces.Single(hello), Name);
    }

    [Fact]
    public void What_follows_the_message_is_not_looked_at()
    {
        var hello = Hello.With(Name);
        Found(new([.. hello, 1, 2, 3]), Name);
        Found(new(Hello.Record([.. hello[5..], 1, 2, 3])), Name);
    }

    [Fact]
    public void A_message_is_bounded_at_16_KiB()
    {
        var empty = Hello.With(Name, 0);
        var most = ClientHello.MaxMessageBytes - (empty.Length - 5);
        Found(new(Hello.With(Name, most)), Name);
        Assert.Equal(ClientHelloStatus.Invalid, Parse([22, 3, 1, 64, 0, 1, 0, 64, 0], out _)); // 16 KiB and the header of the message
    }

    [Fact]
    public void The_number_of_records_is_bounded()
    {
        var bytes = Hello.Fragmented(Hello.With(Name, 2_000), 1);
        Assert.Equal(ClientHelloStatus.Invalid, Parse(bytes, out _));
        Assert.Equal(ClientHelloStatus.NeedMore, Parse(bytes[..(6 * (ClientHello.MaxRecords - 1))], out _));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("SSH-2.0-x")]
    [InlineData("\x16\x02\x00")]
    [InlineData("\x80\x2e\x01\x03\x01")] // SSL 2
    [InlineData("\x15\x03\x01\x00\x02\x02\x28")]
    public void Other_protocols_are_told_by_their_first_bytes(string bytes)
        => Assert.Equal(ClientHelloStatus.NotTls, Parse([.. bytes.Select(c => (byte)c)], out _));

    [Fact]
    public void Records_and_messages_with_a_wrong_head_are_refused()
    {
        var hello = Hello.With(Name);
        Assert.Equal(ClientHelloStatus.Invalid, Parse([22, 3, 1, 0, 0], out _)); // an empty fragment
        Assert.Equal(ClientHelloStatus.Invalid, Parse([22, 3, 1, 64, 1], out _)); // one byte above 16 KiB
        Assert.Equal(ClientHelloStatus.Invalid, Parse(Hello.Record([2, 0, 0, 0]), out _)); // a ServerHello
        Assert.Equal(ClientHelloStatus.Invalid, Parse([.. Hello.Record(hello[5..50]), 23, .. Hello.Record(hello[50..])[1..]], out _)); // another record in between
        Assert.Equal(ClientHelloStatus.Invalid, Parse([.. Hello.Record(hello[5..50]), 22, 2, .. Hello.Record(hello[50..])[2..]], out _));
    }

    [Fact]
    public void A_second_list_of_names_is_refused()
    {
        Refused(Hello.With([Hello.ServerName(Name), Hello.ServerName("b.example.org")], 36));
        Refused(Hello.With([Hello.ServerName(Name), Hello.ServerName(Name)], 36));
        Refused(Hello.With([Hello.Extension(0, Hello.Vector([0, .. Hello.Vector("a"u8.ToArray()), 0, .. Hello.Vector("b"u8.ToArray())]))], 36));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a.example.org.")]
    [InlineData(".example.org")]
    [InlineData("a..example.org")]
    [InlineData("a b")]
    [InlineData("a\0b")]
    [InlineData("a/b")]
    [InlineData("*.example.org")]
    [InlineData("[::1]")]
    [InlineData("b\u00fccher.example")]
    public void What_is_no_host_name_is_refused(string name) => Refused(Hello.With(name));

    [Fact]
    public void A_name_has_at_most_255_bytes()
    {
        var name = string.Join('.', Enumerable.Repeat(new string('a', 63), 4)); // 255
        Found(new(Hello.With(name)), name);
        Refused(Hello.With(name + "a"));
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        // Each length of a small ClientHello, one byte more and one less.
        var hello = Hello.With(Name, 0);
        var name = hello.AsSpan().IndexOf("a.example"u8);
        int[] lengths = [5 + 4 + 34 /* session */, 5 + 4 + 34 + 33 + 1 /* suites */, 5 + 4 + 34 + 33 + 4 /* compressions */, name - 10 /* extensions */, name - 6 /* extension */, name - 4 /* list */, name - 1 /* name */];
        foreach (var at in lengths)
        {
            foreach (var by in (int[])[1, -1])
            {
                var wrong = hello.ToArray();
                wrong[at] = (byte)(wrong[at] + by);
                Refused(wrong);
            }
        }

        Refused(Hello.With([Hello.Extension(0, [])], 0));
        Refused(Hello.With([Hello.Extension(0, Hello.Vector([1, .. Hello.Vector("a"u8.ToArray())]))], 0)); // no host name
    }

    [Fact]
    public void A_hello_without_extensions_names_nobody()
    {
        byte[] body = [3, 1, .. new byte[32], 0, 0, 2, 0, 47, 1, 0];
        Found(new(Hello.Record([1, 0, 0, (byte)body.Length, .. body])), null);
    }

    [Fact]
    public async Task Whatever_changes_in_it_nothing_is_thrown_and_every_answer_is_one_of_four()
    {
        byte[][] seeds =
        [
            await Hello.OfSslStreamAsync(Name), Hello.With(Name, 0), Hello.With(Name, 1_216), Hello.Fragmented(Hello.With(Name), 7), Hello.With((string?)null),
        ];
        var random = new Random(20251121);
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = seeds[i % seeds.Length].ToArray();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
            {
                // Most often a length near the front; sometimes anything.
                var at = random.Next(3) == 0 ? random.Next(bytes.Length) : random.Next(Math.Min(bytes.Length, 150));
                bytes[at] = random.Next(4) switch { 0 => 0, 1 => 255, 2 => (byte)(bytes[at] + 1), _ => (byte)random.Next(256) };
            }

            var cut = random.Next(1, bytes.Length);
            var status = ClientHello.Parse(Pieces.CutAt(bytes, cut), out var name);
            Assert.Equal(status, Parse(bytes, out var same));
            Assert.Equal(name, same);
            Assert.True(Enum.IsDefined(status));
            Assert.True(name is null || (status == ClientHelloStatus.Found && name.Length <= 255 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.')));
        }
    }

    /// <summary>Every prefix asks for more, and the whole is found.</summary>
    private static void Climb(byte[] hello, string? name)
    {
        for (var length = 0; length < hello.Length; length++)
        {
            Assert.Equal(ClientHelloStatus.NeedMore, ClientHello.Parse(new ReadOnlySequence<byte>(hello, 0, length), out _));
        }

        Found(new(hello), name);
    }

    private static void Found(ReadOnlySequence<byte> bytes, string? name)
    {
        Assert.Equal(ClientHelloStatus.Found, ClientHello.Parse(bytes, out var found));
        Assert.Equal(name, found);
    }

    private static void Refused(byte[] bytes) => Assert.Equal(ClientHelloStatus.Invalid, Parse(bytes, out _));

    private static ClientHelloStatus Parse(byte[] bytes, out string? name) => ClientHello.Parse(new ReadOnlySequence<byte>(bytes), out name);
}
