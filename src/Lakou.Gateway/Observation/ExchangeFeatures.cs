using Lakou.Http.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Observation;

/// <summary>
/// What forwarding asks the server of an exchange for. A connection of ours is all of it itself, request after request, unless
/// a filter puts something in between; another server's features are found anew.
/// </summary>
internal struct ExchangeFeatures
{
    private Http1Connection<Exchange>? _own;

    public IHttpRequestFeature Request { get; private set; }

    public IHttpResponseFeature Response { get; private set; }

    public IHttpResponseBodyFeature ResponseBody { get; private set; }

    public IHttpRequestLifetimeFeature Lifetime { get; private set; }

    public IHttpRequestBodyDetectionFeature? BodyDetection { get; private set; }

    public IHttpMaxRequestBodySizeFeature? BodySize { get; private set; }

    public IHttpUpgradeFeature? Upgrade { get; private set; }

    /// <summary>Null on another server.</summary>
    public IClientWatchFeature? Watch { get; private set; }

    /// <summary>To be called at the start, and again once filters had their say.</summary>
    public void Find(IFeatureCollection features)
    {
        if (features is Http1Connection<Exchange> { HasOthersFeatures: false } own)
        {
            if (_own != own)
            {
                _own = own;
                Request = own;
                Response = own;
                ResponseBody = own;
                Lifetime = own;
                BodyDetection = own;
                BodySize = own;
                Upgrade = own;
                Watch = own;
            }

            return;
        }

        _own = null;
        Request = features.GetRequiredFeature<IHttpRequestFeature>();
        Response = features.GetRequiredFeature<IHttpResponseFeature>();
        ResponseBody = features.GetRequiredFeature<IHttpResponseBodyFeature>();
        Lifetime = features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        BodyDetection = features.Get<IHttpRequestBodyDetectionFeature>();
        BodySize = features.Get<IHttpMaxRequestBodySizeFeature>();
        Upgrade = features.Get<IHttpUpgradeFeature>();
        Watch = features.Get<IClientWatchFeature>();
    }
}
