using System.Net;
using System.Text.Json;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Kubernetes;

/// <summary>
/// Lists the slices of a service, then watches what changes.
/// <code>
///  list, page by page ─► version ─► watch from version ─► event ─► slices, version ─► endpoints
///    ▲                                │  ▲    └ ended or broken: again from the version ┘
///    └────────── 410 Gone ◄───────────┘
/// </code>
/// Source: "Kubernetes API Concepts", efficient detection of changes. A watch that is lost changes nothing of what is known.
/// </summary>
internal sealed class KubernetesSource(KubernetesOptions options, ApiAccess access, TimeProvider time) : IEndpointSource
{
    private const int PageSize = 500;
    private const int MostSlices = 2000; // of 100 endpoints each, unless the cluster says otherwise
    private const int LongestLine = 4 * 1024 * 1024; // etcd takes 1.5 MiB for an object
    private const int Gone = 410;

    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(15);

    // A server that ends each watch at once is not asked more often.
    private static readonly TimeSpan BetweenWatches = TimeSpan.FromSeconds(1);

    private readonly ApiClient _api = new(access.Api, access.CaFile, access.Identify, time);
    private readonly Dictionary<string, EndpointSlice> _slices = new(StringComparer.Ordinal);
    private readonly string _path = $"apis/discovery.k8s.io/v1/namespaces/{Uri.EscapeDataString(access.Namespace)}/endpointslices?labelSelector={Uri.EscapeDataString($"kubernetes.io/service-name={options.Service}")}";
    private string? _version;
    private Watch? _watch;
    private long? _watched;
    private bool _isUntold;

    public static DiscoveryPlan Plan(string path, KubernetesOptions options, string directory, Problems problems)
    {
        if (options.Api is null && (options.TokenFile ?? options.Ca) is not null)
        {
            problems.Add(path, "'token-file' and 'ca' belong to an 'api'; without one the pod's own are used");
        }

        options = options with { TokenFile = Absolute(options.TokenFile), Ca = Absolute(options.Ca) };
        var of = $"{(options.Namespace is null ? "" : options.Namespace + "/")}{options.Service}{(options.Port is null ? "" : ":" + options.Port)}";
        return new("kubernetes", of, options.Scheme, $"kubernetes {options}", (time, _) =>
            new KubernetesSource(options, ApiAccess.Of(options, Environment.GetEnvironmentVariable, ApiAccess.ServiceAccount), time));

        string? Absolute(string? file) => file is null ? null : Path.GetFullPath(file, directory);
    }

    public async Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                if (_version is null)
                {
                    await ListAsync(stop);
                    _isUntold = true;
                }
                else
                {
                    _watch ??= await OpenAsync(_version, stop);
                    if (_watch is not null && !_isUntold && !await FollowAsync(_watch, stop))
                    {
                        Close();
                    }
                }

                if (_isUntold && _version is not null)
                {
                    var endpoints = EndpointSlices.Merge(_slices.Values, options, $"{options.Service}.{access.Namespace}.svc");
                    _isUntold = false;
                    return endpoints;
                }
            }
        }
        catch (DiscoveryException)
        {
            Close();
            _isUntold = true; // that it is over is told too
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        Close();
        _api.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ListAsync(CancellationToken stop)
    {
        var slices = new List<EndpointSlice>();
        for (string? page = null; ;)
        {
            using var response = await _api.GetAsync($"{_path}&limit={PageSize}{(page is null ? "" : $"&continue={Uri.EscapeDataString(page)}")}", Answer, stop);
            var list = await _api.ReadAsync<SliceList>(response, Answer, stop);
            slices.AddRange((list.Items ?? []).OfType<EndpointSlice>());
            page = list.Metadata?.Continue;
            if (string.IsNullOrEmpty(page))
            {
                _slices.Clear();
                slices.ForEach(slice => Keep(slice));
                _version = list.Metadata?.ResourceVersion ?? throw new DiscoveryException(DiscoveryFailure.Answer, "a list without a version; is this the API?");
                return;
            }

            if (slices.Count > MostSlices)
            {
                throw TooMany();
            }
        }
    }

    /// <summary>Null when the version is too old by now: then the next step is a list.</summary>
    private async Task<Watch?> OpenAsync(string version, CancellationToken stop)
    {
        if (_watched is { } watched && BetweenWatches - time.GetElapsedTime(watched) is { Ticks: > 0 } left)
        {
            await Task.Delay(left, time, stop);
        }

        // The server ends a watch within 4 to 8 minutes, at random so that not all begin anew together.
        _watched = time.GetTimestamp();
        var seconds = Random.Shared.Next(240, 480);
        var response = await _api.GetAsync($"{_path}&watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={Uri.EscapeDataString(version)}", Answer, stop);
        try
        {
            if (response.StatusCode == HttpStatusCode.Gone)
            {
                _version = null;
                response.Dispose();
                return null;
            }

            await _api.ExpectSuccessAsync(response, Answer, stop);
            return new Watch(response, await response.Content.ReadAsStreamAsync(stop), new CancellationTokenSource(TimeSpan.FromSeconds(seconds) + Answer, time));
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Takes in what is there, after waiting until there is something. False when the watch is over.</summary>
    private async Task<bool> FollowAsync(Watch watch, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(watch.Deadline.Token, stop);
        try
        {
            // All lines of a burst make one list.
            while (!_isUntold)
            {
                if (!await watch.Lines.FillAsync(end.Token))
                {
                    return false;
                }

                watch.HasSpoken = true;
                while (watch.Lines.TryTake(out var line))
                {
                    if (!Take(line.Span))
                    {
                        return false;
                    }
                }
            }

            return true;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // Connections break; it is a failure if the next one does, or if this one was never any good.
            return watch.HasSpoken ? false : throw _api.Broken(e);
        }
    }

    /// <summary>False when nothing more is to be expected: the version is gone.</summary>
    private bool Take(ReadOnlySpan<byte> line)
    {
        try
        {
            var change = JsonSerializer.Deserialize<WatchEvent>(line, JsonSerializerOptions.Web);
            if (change?.Type == "ERROR")
            {
                _version = null;
                var status = change.Object.Deserialize<ApiStatus>(JsonSerializerOptions.Web);
                return status?.Code == Gone ? false : throw new DiscoveryException(DiscoveryFailure.Answer, $"the watch ended with {status?.Code} {status?.Message}");
            }

            var slice = change?.Object.Deserialize<EndpointSlice>(JsonSerializerOptions.Web) ?? throw new JsonException();
            _version = slice.Metadata?.ResourceVersion ?? throw new JsonException();
            _isUntold |= change.Type switch
            {
                "ADDED" or "MODIFIED" => Keep(slice),
                "DELETED" => _slices.Remove(slice.Metadata.Name ?? ""),
                _ => false, // BOOKMARK: the version was all of it
            };
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            _version = null;
            throw new DiscoveryException(DiscoveryFailure.Answer, "a line of the watch is no event; is this the API?");
        }
    }

    private bool Keep(EndpointSlice slice)
    {
        if (slice.Metadata?.Name is not { } name)
        {
            return false;
        }

        _slices[name] = slice;
        return _slices.Count <= MostSlices ? true : throw TooMany();
    }

    private void Close()
    {
        _watch?.Dispose();
        _watch = null;
    }

    private DiscoveryException TooMany() => new(DiscoveryFailure.Answer, $"service {options.Service} has more than {MostSlices} slices");

    private sealed class Watch(HttpResponseMessage response, Stream body, CancellationTokenSource deadline) : IDisposable
    {
        public LineReader Lines { get; } = new(body, LongestLine);

        /// <summary>When the server should have ended it.</summary>
        public CancellationTokenSource Deadline => deadline;

        public bool HasSpoken { get; set; }

        public void Dispose()
        {
            response.Dispose();
            deadline.Dispose();
        }
    }
}
