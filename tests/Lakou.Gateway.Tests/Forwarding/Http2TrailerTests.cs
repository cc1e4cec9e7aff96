using System.Text;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Trailers of HTTP/2 requests, frame by frame: no client library sends these, and the server below takes them.</summary>
public sealed class Http2TrailerTests
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Settings = 4;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;

    [Theory]
    [InlineData("x-a", "a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("x-a", "a\nb")]
    [InlineData("x-a: b\r\nx-b", "c")]
    [InlineData("x a", "b")]
    public async Task A_trailer_that_no_field_may_be_ends_the_request(string name, string value)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await PostAsync(passage, name, value);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("http/bad-field", await passage.FaultAsync());
        client.Dispose();
    }

    [Fact]
    public async Task A_trailer_with_a_meaning_before_the_body_is_dropped()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await PostAsync(passage, "x-forwarded-for", "10.0.0.1", "content-type", "a/b", "x-sum", "7");
        Assert.Equal(("", "x-sum: 7\r\n"), await endpoint.ReadChunkedAsync());
        client.Dispose();
    }

    private static async Task<(RawPeer Client, RawPeer Endpoint)> PostAsync(Passage passage, params string[] trailers)
    {
        var client = await passage.ClientAsync();
        await client.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        await client.SendAsync(Frame(Settings, 0, 0, ""));
        await client.SendAsync(Frame(Headers, EndHeaders, 1, Fields(":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a")));
        await client.SendAsync(Frame(Data, 0, 1, "hello"));
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        Assert.Equal("5\r\nhello\r\n", await endpoint.ReadAsync(10)); // what has not been sent when the trailers come would not be
        await client.SendAsync(Frame(Headers, EndHeaders | EndStream, 1, Fields(trailers)));
        return (client, endpoint);
    }

    private static byte[] Frame(byte type, byte flags, byte stream, string payload)
        => [0, (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, stream, .. Encoding.Latin1.GetBytes(payload)];

    /// <summary>Literals that are neither indexed nor Huffman-coded (RFC 7541 §6.2.2), each shorter than 127 bytes.</summary>
    private static string Fields(params string[] namesAndValues)
        => string.Concat(namesAndValues.Select((text, i) => $"{(i % 2 == 0 ? "\0" : "")}{(char)text.Length}{text}"));
}
