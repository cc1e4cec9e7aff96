using System.IO.Pipelines;
using Lakou.Core.Faults;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Backbone;

/// <summary>Answers a request of the backbone's API, or returns the fault to answer with.</summary>
/// <param name="path">Decoded, as filters left it.</param>
/// <param name="scheduler">Where to continue after a wait.</param>
internal delegate Task<Fault?> BackboneHandler(HttpContext context, string path, BackboneOptions options, PipeScheduler? scheduler);

/// <summary>Hands a request to the backbone.</summary>
internal sealed class BackboneAction(BackboneOptions options, EnqueueState state)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.FindFeatures(); // filters may have set some
        exchange.Upstream = "backbone";
        var path = Uri.UnescapeDataString(exchange.ForwardPath.Span);
        var fault = state.Api is { } api
            ? await api(context, path, options, exchange.Http.Features.Get<ILoopFeature>()?.Scheduler)
            : EnqueueFaults.NoBackbone.With("Send it again in a moment.");
        if (fault is not null)
        {
            await LoopSwitch.To(exchange.Http.Features.Get<ILoopFeature>());
            await FaultResponse.WriteAsync(context, exchange, fault);
        }
    }
}
