using System.Diagnostics;
using System.IO.Pipelines;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Backbone;

/// <summary>Answers a request of the backbone's API, or returns the fault to answer with.</summary>
internal delegate Task<Fault?> BackboneHandler(in BackboneRequest request);

/// <param name="Path">Decoded, as filters left it.</param>
/// <param name="Scheduler">Where to continue after a wait.</param>
/// <param name="Traceparent">Of the request, when a client sent one or somebody records.</param>
/// <param name="Activity">The span of the request, when somebody records.</param>
/// <param name="Counts">Where bytes are counted.</param>
internal readonly record struct BackboneRequest(HttpContext Context, string Path, BackboneOptions Options, PipeScheduler? Scheduler, string? Traceparent, Activity? Activity, IByteCounts Counts);

/// <summary>Hands a request to the backbone.</summary>
internal sealed class BackboneAction(BackboneOptions options, EnqueueState state)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.FindFeatures(); // filters may have set some
        exchange.Upstream = "backbone";
        var path = Uri.UnescapeDataString(exchange.ForwardPath.Span);
        var traceparent = exchange.Activity is not null || exchange.Features.Request.Headers.TraceParent.Count > 0 ? exchange.Trace.ToString() : null;
        var fault = state.Api is { } api
            ? await api(new(context, path, options, exchange.Http.Features.Get<ILoopFeature>()?.Scheduler, traceparent, exchange.Activity, exchange))
            : EnqueueFaults.NoBackbone.With("Send it again in a moment.");
        if (fault is not null)
        {
            await LoopSwitch.To(exchange.Http.Features.Get<ILoopFeature>());
            await FaultResponse.WriteAsync(context, exchange, fault);
        }
    }
}
