using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Server;

/// <summary>The request half of the features.</summary>
public sealed partial class Http1Connection<TContext>
    : IHttpRequestFeature, IHttpRequestBodyDetectionFeature, IRequestBodyPipeFeature, IHttpRequestTrailersFeature, IHttpMaxRequestBodySizeFeature
{
    private static readonly FieldTable NoTrailers = new();

    private readonly RequestBody _requestBody;
    private PipeReader? _requestBodyPipe;
    private IHeaderDictionary? _requestHeadersOverride;
    private bool _endpointsRead;
    private string _connectionScheme = "";
    private IPAddress? _connectionRemote;
    private IPAddress? _connectionLocal;
    private int _connectionRemotePort;
    private int _connectionLocalPort;

    /// <summary>The head as it was parsed.</summary>
    public RequestHead Head => _head;

    public string Protocol { get; set; } = "";

    public string Scheme { get; set; } = "";

    public string Method { get; set; } = "";

    public string PathBase { get; set; } = "";

    /// <summary>
    /// Path and query as middleware expects them when nothing normalises the target: the path still encoded.
    /// A gateway has its own reading of <see cref="RawTarget"/>, so they are cut out only when somebody asks.
    /// </summary>
    [AllowNull]
    public string Path
    {
        get => field ??= SplitTarget().Path;
        set;
    }

    /// <inheritdoc cref="Path"/>
    [AllowNull]
    public string QueryString
    {
        get => field ??= SplitTarget().Query;
        set;
    }

    public string RawTarget { get; set; } = "";

    [AllowNull]
    IHeaderDictionary IHttpRequestFeature.Headers
    {
        get => _requestHeadersOverride ?? _head.Fields;
        set => _requestHeadersOverride = value;
    }

    [AllowNull]
    Stream IHttpRequestFeature.Body
    {
        get => field ?? _requestBody;
        set
        {
            field = value;
            _requestBodyPipe = null;
        }
    }

    public bool CanHaveBody => _head.Body != BodyKind.None;

    PipeReader IRequestBodyPipeFeature.Reader => _requestBodyPipe ??= RequestBody.ToPipe(((IHttpRequestFeature)this).Body);

    bool IHttpRequestTrailersFeature.Available => _requestBody.IsFinished;

    IHeaderDictionary IHttpRequestTrailersFeature.Trailers => _requestBody.Trailers ?? NoTrailers;

    bool IHttpMaxRequestBodySizeFeature.IsReadOnly => _requestBody.HasStarted;

    /// <summary>Bytes; null for no limit.</summary>
    public long? MaxRequestBodySize { get; set; }

    private void BeginRequest()
    {
        _requests++;
        if (!_endpointsRead)
        {
            _endpointsRead = true;
            _connectionScheme = _connection.Features.Get<ITlsConnectionFeature>() is null ? "http" : "https";
            (_connectionRemote, _connectionRemotePort) = AddressOf(_connection.RemoteEndPoint);
            (_connectionLocal, _connectionLocalPort) = AddressOf(_connection.LocalEndPoint);
        }

        Scheme = _connectionScheme;
        (RemoteIpAddress, RemotePort, LocalIpAddress, LocalPort) = (_connectionRemote, _connectionRemotePort, _connectionLocal, _connectionLocalPort);
        if (_setFeatures.Count > 0)
        {
            _setFeatures.Clear();
        }

        Revision++;
        _traceIdentifier = null;
        _requestHeadersOverride = null;
        ((IHttpRequestFeature)this).Body = null!;
        Method = _head.Method;
        RawTarget = _head.Target;
        Protocol = _head.IsHttp10 ? "HTTP/1.0" : "HTTP/1.1";
        PathBase = "";
        MaxRequestBodySize = _options.BodyBytesMax;
        (Path, QueryString) = (null, null);
        _requestBody.Begin(_head);
    }

    /// <summary>A dual-mode socket sees IPv4 peers as addresses of IPv6; nobody above wants to know.</summary>
    private static (IPAddress? Address, int Port) AddressOf(EndPoint? endPoint) => endPoint is IPEndPoint ip
        ? (ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address, ip.Port)
        : default;

    private (string Path, string Query) SplitTarget()
    {
        if (_head.Form is TargetForm.Authority or TargetForm.Asterisk)
        {
            return ("", "");
        }

        var target = _head.Target;
        var start = _head.PathStart;
        var query = target.IndexOf('?', start);
        var end = query < 0 ? target.Length : query;
        return (
            end == start ? "/" : start == 0 && end == target.Length ? target : target[start..end],
            query < 0 ? "" : target[query..]);
    }
}
