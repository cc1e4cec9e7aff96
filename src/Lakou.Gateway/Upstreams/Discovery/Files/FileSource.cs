using System.Threading.Channels;
using Lakou.Core.Configuration;
using Lakou.Core.Watching;

namespace Lakou.Gateway.Upstreams.Discovery.Files;

/// <summary>Reads a file of endpoints, and again whenever its content changed.</summary>
internal sealed class FileSource : IEndpointSource
{
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly string _file;
    private readonly string _scheme;
    private readonly FileWatch _watch;
    private bool _isRead;

    private FileSource(string file, string scheme, TimeProvider time, Action<string> warn)
    {
        (_file, _scheme) = (file, scheme);
        _watch = new FileWatch(() => [file], () => _changes.Writer.WriteAsync(true).AsTask(), time, warn);
    }

    /// <summary>What the file says now is part of the check: a plan is current only if all of it is right.</summary>
    public static DiscoveryPlan? Plan(string file, out IReadOnlyList<EndpointPlan> known, Problems problems)
    {
        known = EndpointsFile.Read(file, problems);
        var scheme = EndpointPlan.SchemeOf(known);
        return known.Count == 0 ? null : new("file", file, scheme, $"file {scheme} {file}", (time, warn) => new FileSource(file, scheme, time, warn));
    }

    public async Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop)
    {
        if (_isRead)
        {
            await _changes.Reader.ReadAsync(stop);
        }

        _isRead = true;
        var problems = new Problems();
        var endpoints = EndpointsFile.Read(_file, problems);
        if (problems.Any)
        {
            throw new DiscoveryException(DiscoveryFailure.File, string.Join("; ", problems.All)) { IsNews = true };
        }

        var scheme = EndpointPlan.SchemeOf(endpoints);
        return EndpointPlan.Fits(scheme, _scheme)
            ? endpoints
            : throw new DiscoveryException(DiscoveryFailure.File, $"its endpoints speak {scheme}, those from before {_scheme}; change them back, or reload the configuration") { IsNews = true };
    }

    public ValueTask DisposeAsync() => _watch.DisposeAsync();
}
