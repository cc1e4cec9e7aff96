using Lakou.Control.Admin;
using Lakou.Control.Export;
using Lakou.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace Lakou.Control;

/// <summary>The next configuration: one at a time, whole or not at all.</summary>
internal sealed partial class LakouHost
{
    /// <summary>
    /// Reads the file again and applies what changed. With problems nothing changes; they are logged once for each content.
    /// </summary>
    /// <param name="trigger"><c>signal</c>, <c>api</c> or <c>file</c>: for the log and <c>/v1/config</c>.</param>
    public async Task<ReloadResult> ReloadAsync(string trigger)
    {
        await _reloadGate.WaitAsync();
        try
        {
            var result = await LoadAndApplyAsync(trigger);
            if (result is not null)
            {
                Reloaded?.Invoke(result);
            }

            return result ?? new(true, PlanDiff.None, []);
        }
        finally
        {
            _reloadGate.Release();
        }
    }

    /// <summary>Null when a file changed that changed nothing: that is no reload.</summary>
    private async Task<ReloadResult?> LoadAndApplyAsync(string trigger)
    {
        if (_settings.File is null || _stopped)
        {
            var why = _stopped ? "Lakou is stopping; nothing is loaded any more" : "this Lakou runs without a file; there is nothing to load again";
            return new(false, PlanDiff.None, [new Problem(_settings.File ?? "", 0, 0, "", why)]);
        }

        // 1. Read and check.
        var running = Running!;
        var loaded = ConfigurationLoader.LoadFile(_settings.File, _settings.References);
        if (loaded.Plan is not { } plan)
        {
            // The files that the old plan needs stay watched: a certificate that comes back may mend this one.
            _files = [.. loaded.Files.Union(running.Loaded.Files, StringComparer.Ordinal)];
            return Refuse(loaded, loaded.Problems, trigger);
        }

        _files = loaded.Files;
        if (loaded.Fingerprint == running.Loaded.Fingerprint)
        {
            if (trigger == "file" && running.LastReload is not { Applied: false })
            {
                return null;
            }

            Accept(running, loaded, PlanDiff.None, trigger, running.Version);
            return new(true, PlanDiff.None, []);
        }

        // 2. Bind, then swap. The admin listener moves first because it can fail.
        var diff = PlanDiff.Between(running.Plan, plan);
        var problems = new Problems(plan.Document);
        var admin = _admin!;
        if (plan.Admin.Text != admin.Address.Text)
        {
            admin = await AdminServer.TryStartAsync(this, plan, _loggers, problems);
        }

        var drain = Gateway.Drain;
        Gateway.Drain = plan.Options.Drain;
        Backbone?.Check(plan.Backbone, problems);
        if (admin is null || problems.Any || !await Gateway.ApplyAsync(plan.Gateway, problems))
        {
            Gateway.Drain = drain;
            if (admin is not null && admin != _admin)
            {
                await admin.DisposeAsync();
            }

            return Refuse(loaded, problems.All, trigger);
        }

        // 3. Everything else that the file says. A store that cannot be opened is no reason to undo the rest.
        await ApplyBackboneAsync(plan.Backbone, problems);
        foreach (var problem in problems.All)
        {
            _log.LogError("{Problem}", problem.ToString());
        }

        WarnOfStore(running.Plan.Options, plan.Options);
        await ApplySettingsAsync(running.Plan.Options, plan.Options, admin);
        Accept(running, loaded, diff, trigger, running.Version + 1);
        return new(true, diff, []);
    }

    private async Task ApplySettingsAsync(LakouOptions before, LakouOptions options, AdminServer admin)
    {
        _retiring.RemoveAll(task => task.IsCompleted);
        if (admin != _admin)
        {
            // In the background: the request that asked for this reload may be one of its own.
            _log.LogInformation("The admin listener moved from {Old} to {New}", _admin!.EndPoint, admin.EndPoint);
            _retiring.Add(_admin.DisposeAsync().AsTask());
            _admin = admin;
        }

        if (options.Transport != before.Transport)
        {
            _log.LogWarning("The change of transport counts from the next start");
        }

        admin.Token = options.Admin.Token;
        if (_lines is not null)
        {
            _lines.Level = options.Log.Level;
        }

        if (options.Log.Access != before.Log.Access)
        {
            var old = _accessLog;
            Gateway.AccessLog = _accessLog = NewAccessLog(options.Log.Access);
            await old.FlushAsync(); // not disposed: a request that ends right now may still hold it
        }

        if (options.Telemetry != before.Telemetry)
        {
            // In the background: the last batch waits for a collector that may be gone.
            _retiring.Add(EndExportAsync(_export));
            _export = TelemetryExport.TryStart(options.Telemetry, _settings.References.Environment, Version, _log);
        }
    }

    private void Accept(RunningConfiguration running, LoadResult loaded, PlanDiff diff, string trigger, long version)
    {
        var now = _settings.Time.GetUtcNow();
        var last = new LastReload(now, trigger, true, []);
        if (version == running.Version)
        {
            Volatile.Write(ref _running, running with { LastReload = last, RefusedFingerprint = null });
        }
        else
        {
            Become(loaded, trigger, version, last);
        }

        _metrics.Loaded(taken: true, first: false, now);
        _log.LogInformation("Configuration {Version} runs ({Trigger}): {Diff}", version, trigger, diff.ToString());
    }

    private ReloadResult Refuse(LoadResult loaded, IReadOnlyList<Problem> problems, string trigger)
    {
        var running = Running!;
        var now = _settings.Time.GetUtcNow();
        _metrics.Loaded(taken: false, first: false, now);
        if (running.RefusedFingerprint == loaded.Fingerprint)
        {
            _log.LogWarning("The configuration was not loaded ({Trigger}): it has the problems logged before; version {Version} keeps serving", trigger, running.Version);
        }
        else
        {
            foreach (var problem in problems)
            {
                _log.LogError("{Problem}", problem.ToString());
            }

            _log.LogError("The configuration was not loaded ({Trigger}): {Count} problems above; version {Version} keeps serving. Correct the file, or free what it needs and run lakou reload", trigger, problems.Count, running.Version);
        }

        Volatile.Write(ref _running, running with { LastReload = new(now, trigger, false, problems), RefusedFingerprint = loaded.Fingerprint });
        return new(false, PlanDiff.None, problems);
    }

    private void Become(LoadResult loaded, string trigger, long version, LastReload? last = null)
        => Volatile.Write(ref _running, new(loaded, version, _settings.Time.GetUtcNow(), _settings.File, trigger, last, null));
}
