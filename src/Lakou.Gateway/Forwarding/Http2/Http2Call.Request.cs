using Lakou.Core.Faults;
using Lakou.Gateway.Grpc;
using Lakou.Gateway.Upstreams;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>The request's body, beside the answer.</summary>
internal sealed partial class Http2Call
{
    private RequestContent? _content;
    private Fault? _requestFault;
    private bool _isRefused;
    private volatile bool _isSent;

    /// <summary>The endpoint has the request: it cannot be another's any more.</summary>
    public bool IsAnswered { get; private set; }

    public void OnRead(long count) => _exchange.BytesIn += count;

    public void OnSentWhole()
    {
        _isSent = true;
        AwaitAnswer();
    }

    /// <summary>It is to be sent once more, and its beginning has gone.</summary>
    public IOException OnRefused()
    {
        _isRefused = true;
        return new IOException("The request cannot be sent again: part of its body has gone.");
    }

    public void OnClientBroke(Exception error)
        => _requestFault = error switch
        {
            RequestBodyException broken => broken.Fault,
            BadHttpRequestException bad => ServerFaults.OfBody(bad.StatusCode, bad.Message),
            _ => UpstreamFaults.ClientGone.With("The client left before its request was whole."),
        };

    private RequestContent NewContent()
    {
        // A stream of messages may be silent for long; 'idle' bounds that.
        if (GrpcRequest.Is(_exchange) && _exchange.Http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        return _content = new RequestContent(this, _exchange.Http.Request.BodyReader, _framing.Kind == Lakou.Http.BodyKind.Length ? _framing.Length : null, _cancel.Token);
    }

    /// <summary>The answer is complete or has failed; the rest of the body has no reader.</summary>
    private async ValueTask EndBodyAsync()
    {
        if (_content is { IsSending: true })
        {
            await _cancel.CancelAsync();
            await _content.EndAsync();
        }
    }
}
