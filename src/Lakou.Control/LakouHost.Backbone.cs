using Lakou.Core.Configuration;
using Lakou.Messaging;
using Lakou.Messaging.Http;
using Lakou.Messaging.Store;
using Microsoft.Extensions.Logging;

namespace Lakou.Control;

/// <summary>The backbone of this Lakou: opened when the file has one, joined to the gateway, closed last.</summary>
internal sealed partial class LakouHost
{
    private readonly TaskCompletionSource<Exception> _storeFailed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private BackboneMetrics? _backboneMetrics;

    /// <summary>Null while the file has none.</summary>
    public Backbone? Backbone { get; private set; }

    /// <summary>Its API; null likewise.</summary>
    public BackboneApi? BackboneApi { get; private set; }

    /// <summary>Ends when the store cannot be written any more: this process has to end, and the next one to find out what is on disk.</summary>
    public Task<Exception> StoreFailed => _storeFailed.Task;

    /// <summary>Brings the backbone to a plan; with problems nothing changes.</summary>
    private async Task ApplyBackboneAsync(BackbonePlan plan, Problems problems)
    {
        if (Backbone is not null)
        {
            await Backbone.ApplyAsync(plan, problems);
            return;
        }

        if (plan.Store is null)
        {
            return;
        }

        try
        {
            if (await Messaging.Backbone.OpenAsync(plan, new() { Disk = _settings.Disk, Time = _settings.Time, Loggers = _loggers, Metrics = _backboneMetrics ??= new(Registry) }, problems) is { } opened)
            {
                Join(opened);
            }
        }
        catch (StoreException e)
        {
            problems.Add("store.path", e.Message);
        }
    }

    private void Join(Backbone backbone)
    {
        Backbone = backbone;
        BackboneApi = new BackboneApi(backbone);
        Gateway.Enqueue.Events = backbone;
        Gateway.Enqueue.Api = (in request) => ApiVerbs.ServeAsync(
            BackboneApi,
            request.Path,
            new ApiScope(request.Options.Topics, request.Options.Subscriptions, request.Options.Operate),
            new(request.Context, "", request.Scheduler) { Traceparent = request.Traceparent, Activity = request.Activity, Counts = request.Counts });
        _ = backbone.Store.Failed.ContinueWith(
            failed =>
            {
                _log.LogCritical("The store cannot be written any more: {Reason}. Lakou ends; what it accepted is on disk. Look at the disk, then start it again", failed.GetAwaiter().GetResult().Message);
                _storeFailed.TrySetResult(failed.GetAwaiter().GetResult());
            },
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default);
    }

    private void WarnOfStore(LakouOptions before, LakouOptions options)
    {
        if (Backbone is not null && options.Backbone.Store != before.Backbone.Store)
        {
            _log.LogWarning("The change of store counts from the next start");
        }
    }

    private async ValueTask CloseBackboneAsync()
    {
        if (Backbone is { } backbone)
        {
            (Gateway.Enqueue.Events, Gateway.Enqueue.Api) = (null, null);
            BackboneApi = null; // the admin listener answers until the end
            await backbone.DisposeAsync();
        }
    }
}
