using System.Net;

namespace Lakou.Gateway.Upstreams.Http2;

/// <summary>A request over HTTP/2, and what dialling for it has to know.</summary>
internal sealed class Http2Request : HttpRequestMessage
{
    // A path means what it says: nothing is decoded, encoded or shortened on the way.
    private static readonly UriCreationOptions AsIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <param name="method">Any.</param>
    /// <param name="address">The endpoint's.</param>
    /// <param name="target">Path and query, which begin with a slash.</param>
    public Http2Request(string method, EndpointAddress address, string target)
        : base(new HttpMethod(method), new Uri($"{(address.Tls is null ? "http" : "https")}://{address.Authority}{target}", AsIs))
    {
        Version = HttpVersion.Version20;
        VersionPolicy = HttpVersionPolicy.RequestVersionExact;
    }

    /// <summary>A timestamp.</summary>
    public long Begun { get; init; }

    public TimeSpan ConnectTimeout { get; init; }

    /// <summary>How long dialling took, if it was done for this request.</summary>
    public TimeSpan Connect { get; set; }
}
