using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Server;

/// <summary>
/// The connection as the feature collection of its current request. The application's own context is a feature by its
/// type; features unknown here are those of the transport.
/// </summary>
public sealed partial class Http1Connection<TContext>
    : IFeatureCollection, IHttpConnectionFeature, IHttpRequestIdentifierFeature, IHttpRequestLifetimeFeature, IClientWatchFeature
{
    private readonly List<KeyValuePair<Type, object?>> _setFeatures = [];
    private CancellationTokenSource? _requestAborted;
    private CancellationToken? _requestAbortedOverride;
    private string? _traceIdentifier;
    private readonly Lock _watchGate = new();
    private IClientWatcher? _watcher;
    private int _requests;

    public bool IsReadOnly => false;

    /// <summary>Somebody has set a feature of the current request: this may not be what they want asked.</summary>
    public bool HasOthersFeatures => _setFeatures.Count > 0;

    public int Revision { get; private set; }

    public object? this[Type key]
    {
        get
        {
            foreach (var (type, feature) in _setFeatures)
            {
                if (type == key)
                {
                    return feature;
                }
            }

            if (key == typeof(TContext))
            {
                return ((IHostContextContainer<TContext>)this).HostContext;
            }

            return key.IsInstanceOfType(this) && !(key == typeof(IHttpUpgradeFeature) && !IsUpgradableRequest)
                ? this
                : _connection.Features[key];
        }
        set
        {
            Revision++;
            _setFeatures.RemoveAll(set => set.Key == key);
            _setFeatures.Add(new(key, value));
        }
    }

    public TFeature? Get<TFeature>()
    {
        if (_setFeatures.Count == 0 && this is TFeature own && (typeof(TFeature) != typeof(IHttpUpgradeFeature) || IsUpgradableRequest))
        {
            return own;
        }

        return (TFeature?)this[typeof(TFeature)];
    }

    public void Set<TFeature>(TFeature? instance) => this[typeof(TFeature)] = instance;

    /// <summary>What was set, then what the connection itself is, then the transport's; each type once.</summary>
    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator()
    {
        var own = GetType().GetInterfaces().Where(contract => contract.Name.EndsWith("Feature", StringComparison.Ordinal));
        foreach (var type in _setFeatures.Select(set => set.Key).Concat(own).Concat(_connection.Features.Select(below => below.Key)).Distinct().ToArray())
        {
            if (this[type] is { } feature)
            {
                yield return new(type, feature);
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    string IHttpConnectionFeature.ConnectionId
    {
        get => _connection.ConnectionId;
        set => _connection.ConnectionId = value;
    }

    public IPAddress? RemoteIpAddress { get; set; }

    public IPAddress? LocalIpAddress { get; set; }

    public int RemotePort { get; set; }

    public int LocalPort { get; set; }

    [AllowNull]
    public string TraceIdentifier
    {
        get => _traceIdentifier ??= $"{_connection.ConnectionId}:{_requests:X8}";
        set => _traceIdentifier = value;
    }

    /// <summary>Cancelled when the client leaves. Made only when somebody asks.</summary>
    public CancellationToken RequestAborted
    {
        get
        {
            if (_requestAbortedOverride is { } token)
            {
                return token;
            }

            var source = _requestAborted;
            if (source is null)
            {
                source = new CancellationTokenSource();
                source = Interlocked.CompareExchange(ref _requestAborted, source, null) ?? source;
            }

            if (_clientGone)
            {
                CancelRequest();
            }

            return source.Token;
        }
        set => _requestAbortedOverride = value;
    }

    /// <summary>Resets the connection: the client sees that the response is broken.</summary>
    public void Abort() => _connection.Abort(new Microsoft.AspNetCore.Connections.ConnectionAbortedException("The application aborted the request."));

    public bool IsClientGone => _clientGone;

    void IClientWatchFeature.Watch(IClientWatcher watcher)
    {
        lock (_watchGate)
        {
            _watcher = watcher;
            if (_clientGone)
            {
                watcher.OnClientGone();
            }
        }
    }

    void IClientWatchFeature.Unwatch()
    {
        lock (_watchGate)
        {
            _watcher = null;
        }
    }

    private void CancelRequest()
    {
        var source = Volatile.Read(ref _requestAborted);
        if (source is not null && !source.IsCancellationRequested)
        {
            // Callbacks are the application's: they run off the transport's thread.
            ThreadPool.UnsafeQueueUserWorkItem(Cancel, source, preferLocal: false);
        }

        static void Cancel(CancellationTokenSource source)
        {
            try
            {
                source.Cancel();
            }
            catch (AggregateException)
            {
                // A callback's failure is its owner's; here it would end the process.
            }
        }
    }

    private void EndRequestAborted()
    {
        if (_requestAborted is { } source && !source.TryReset())
        {
            _requestAborted = null;
        }

        _requestAbortedOverride = null;
    }
}
