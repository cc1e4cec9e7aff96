using System.IO.Pipelines;
using System.Net;
using System.Reflection;
using Lakou.Control.Admin;
using Lakou.Control.Export;
using Lakou.Control.Logging;
using Lakou.Core.Configuration;
using Lakou.Core.Metrics;
using Lakou.Core.Watching;
using Lakou.Gateway;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.Extensions.Logging;

namespace Lakou.Control;

/// <summary>A running Lakou: the gateway, its admin listener, and the watch over its file.</summary>
internal sealed partial class LakouHost : IAsyncDisposable
{
    private readonly HostSettings _settings;
    private readonly ILoggerFactory _loggers;
    private readonly LineLoggerProvider? _lines;
    private readonly ILogger _log;
    private readonly ServerTelemetry _telemetry;
    private readonly LakouTransport _transport;
    private readonly GatewayMetrics _metrics;
    private readonly Stream _accessOutput;
    private readonly SemaphoreSlim _reloadGate = new(1, 1);
    private readonly List<Task> _retiring = [];
    private AccessLog _accessLog;
    private AdminServer? _admin;
    private TelemetryExport? _export;
    private FileWatch? _watch;
    private RunningConfiguration? _running;
    private IReadOnlyList<string> _files;
    private volatile bool _draining;
    private bool _stopped;

    private LakouHost(LoadResult loaded, HostSettings settings)
    {
        var options = loaded.Plan!.Options;
        _settings = settings;
        _files = loaded.Files;
        _lines = settings.Loggers is null ? new LineLoggerProvider(Console.Error, settings.Time, options.Log.Level) : null;
        _loggers = settings.Loggers ?? new LoggerFactory([_lines!], new LoggerFilterOptions { MinLevel = LogLevel.Trace });
        _log = _loggers.CreateLogger("Lakou.Control");
        ProcessMetrics.AddTo(Registry);
        _metrics = new GatewayMetrics(Registry, Version);
        _telemetry = new ServerTelemetry(settings.Time, Version);
        _accessOutput = settings.AccessOutput ?? Console.OpenStandardOutput();
        _accessLog = NewAccessLog(options.Log.Access);
        _transport = StartTransport(loaded.Plan);
        TransportMetrics.AddTo(Registry, _transport);
        Gateway = new GatewayState(_metrics, _telemetry, _accessLog, settings.Time, _transport, _loggers);
    }

    /// <summary>After each reload, whatever came of it. Runs on the thread of the reload.</summary>
    public event Action<ReloadResult>? Reloaded;

    /// <summary><c>0.1.0</c>: of this build.</summary>
    public static string Version { get; } =
        typeof(LakouHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public GatewayState Gateway { get; }

    public MetricRegistry Registry { get; } = new();

    /// <summary>What runs. Null until the first plan is applied.</summary>
    public RunningConfiguration? Running => Volatile.Read(ref _running);

    /// <summary>A plan is applied and nothing drains.</summary>
    public bool IsReady => Running is not null && !_draining;

    public bool IsDraining => _draining;

    public EndPoint AdminEndPoint => _admin!.EndPoint;

    /// <summary>What relative files of the configuration, and texts compared with it, are relative to.</summary>
    public string Directory => _settings.File is { } file ? Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/" : Environment.CurrentDirectory;

    public ReferenceSource References => _settings.References;

    /// <param name="loaded">Without problems.</param>
    /// <param name="settings">What the configuration does not say.</param>
    /// <exception cref="ConfigurationException">There are problems, or an address cannot be bound.</exception>
    public static async Task<LakouHost> StartAsync(LoadResult loaded, HostSettings settings)
    {
        if (loaded.Plan is null)
        {
            throw new ConfigurationException(loaded.Problems);
        }

        var host = new LakouHost(loaded, settings);
        try
        {
            await host.BeginAsync(loaded);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a listener is bound.</summary>
    public EndPoint EndPointOf(string listener) => Gateway.EndPointOf(listener);

    /// <summary>
    /// Ends well: not ready → accept no more and tell clients → wait for what runs, at most the configured <c>drain</c> → cut the rest → write the logs.
    /// </summary>
    /// <param name="now">Cuts the wait short.</param>
    public async Task StopAsync(CancellationToken now)
    {
        await _reloadGate.WaitAsync(CancellationToken.None);
        try
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
            _draining = true;
        }
        finally
        {
            _reloadGate.Release();
        }

        // 1. Nothing changes any more.
        await (_watch?.DisposeAsync() ?? ValueTask.CompletedTask);

        // 2. The gateway, which waits. Those who wait for events are answered first, or the drain would wait for them.
        await (Backbone?.StopAsync() ?? Task.CompletedTask);
        var drain = Gateway.Drain;
        _log.LogInformation("Stopping: no new connections; requests that run have up to {Drain}", Durations.Format(drain));
        using (var timeout = new CancellationTokenSource(drain, _settings.Time))
        using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(now, timeout.Token))
        {
            var left = 0;
            using var cut = deadline.Token.UnsafeRegister(_ => left = Gateway.Listeners.Values.Sum(listener => listener.Connections), null);
            await Gateway.StopAsync(deadline.Token);
            if (left > 0)
            {
                _log.LogWarning("{Count} connections were cut: {Reason}", left, now.IsCancellationRequested ? "the stop was hurried" : $"they took longer than drain: {Durations.Format(drain)}");
            }
        }

        // 3. What they left to write. The admin listener goes last, so that the drain can be watched.
        await _accessLog.FlushAsync();
        await EndExportAsync(_export);
        await Task.WhenAll(_retiring);
        await CloseBackboneAsync();
        await (_admin?.DisposeAsync() ?? ValueTask.CompletedTask);
        _log.LogInformation("Stopped");
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(new CancellationToken(canceled: true));
        await Gateway.DisposeAsync();
        await _transport.DisposeAsync();
        await _accessLog.DisposeAsync();
        _telemetry.Dispose();
        if (_settings.Loggers is null)
        {
            _loggers.Dispose();
        }
    }

    private static Task EndExportAsync(TelemetryExport? export) => export is null ? Task.CompletedTask : Task.Run(export.Dispose);

    private LakouTransport StartTransport(LakouPlan plan)
    {
        try
        {
            return LakouTransport.Start(
                plan.Options.Transport with { Time = _settings.Time, ConnectionsMax = DescriptorBudget.Read().Connections, ApplicationScheduler = PipeScheduler.Inline }, _loggers);
        }
        catch (PlatformNotSupportedException e)
        {
            var problems = new Problems(plan.Document);
            problems.Add("transport.kind", $"{e.Message}; 'auto' takes sockets where io_uring is not to be had");
            throw new ConfigurationException(problems.All);
        }
    }

    private async Task BeginAsync(LoadResult loaded)
    {
        // The admin listener first: what asks for health sees a Lakou that is up and not ready.
        var plan = loaded.Plan!;
        var problems = new Problems(plan.Document);
        _admin = await AdminServer.TryStartAsync(this, plan, _loggers, problems);
        Gateway.Drain = plan.Options.Drain;
        await ApplyBackboneAsync(plan.Backbone, problems);
        if (problems.Any || !await Gateway.ApplyAsync(plan.Gateway, problems))
        {
            throw new ConfigurationException(problems.All);
        }

        _export = TelemetryExport.TryStart(plan.Options.Telemetry, _settings.References.Environment, Version, _log);
        Become(loaded, "start", version: 1);
        _metrics.Loaded(taken: true, first: true, _settings.Time.GetUtcNow());
        foreach (var listener in Gateway.Listeners.Values)
        {
            _log.LogDebug("Listener {Name} serves {Protocol} on {Address}", listener.Plan.Name, listener.Plan.Scheme, listener.LocalEndPoint);
        }

        _log.LogDebug("Lakou {Version} runs {Routes} routes to {Upstreams} upstreams; admin on {Address}", Version, plan.Gateway.Routes.Count, plan.Gateway.Upstreams.Count, AdminEndPoint);
        if (_settings is { File: not null, Watch: true })
        {
            var log = _loggers.CreateLogger("Lakou.Watch");
            _watch = new FileWatch(() => _files, () => ReloadAsync("file"), _settings.Time, warning => log.LogWarning("{Warning}", warning));
        }
    }

    private AccessLog NewAccessLog(AccessLogFormat format)
        => new(format, _accessOutput, _settings.Time, _metrics.AccessLogDropped, _loggers.CreateLogger("Lakou.AccessLog"));
}
