using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Tests.Upstreams;

public sealed class EndpointAddressTests
{
    [Theory]
    [InlineData("http://127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1", 5000)]
    [InlineData("http://127.0.0.1:5000/", "127.0.0.1:5000", "127.0.0.1", 5000)]
    [InlineData("http://[::1]:5000", "[::1]:5000", "::1", 5000)]
    [InlineData("http://orders.internal", "orders.internal", "orders.internal", 80)]
    [InlineData("tcp://127.0.0.1:5432", "127.0.0.1:5432", "127.0.0.1", 5432)]
    [InlineData("udp://[::1]:53", "[::1]:53", "::1", 53)]
    [InlineData("unix:/run/app.sock", "localhost", "unix:/run/app.sock", 0)]
    public void An_address_has_host_port_and_authority(string text, string authority, string host, int port)
    {
        var address = EndpointAddress.TryParse(text, out _);
        Assert.NotNull(address);
        Assert.Equal((authority, host, port), (address.Authority, address.Host, address.Port));
        Assert.Equal(text[..text.IndexOf(':', StringComparison.Ordinal)], address.Scheme);
    }

    [Theory]
    [InlineData("127.0.0.1:5000")]
    [InlineData("http://user:secret@127.0.0.1:5000")]
    [InlineData("http://127.0.0.1:5000/path")]
    [InlineData("http://127.0.0.1:5000/?a")]
    [InlineData("http://127.0.0.1:70000")]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("tcp://127.0.0.1")]
    [InlineData("tcp://127.0.0.1:0")]
    [InlineData("tcp://127.0.0.1:5432/path")]
    [InlineData("udp://127.0.0.1:53?a")]
    [InlineData("ftp://127.0.0.1:53")]
    [InlineData("unix:app.sock")]
    [InlineData("http://")]
    [InlineData("")]
    public void What_is_no_address_is_refused_with_a_reason(string text)
    {
        Assert.Null(EndpointAddress.TryParse(text, out var error));
        Assert.NotEmpty(error);
    }
}
