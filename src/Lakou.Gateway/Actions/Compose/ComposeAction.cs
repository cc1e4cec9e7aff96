using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>Asks several upstreams side by side, and answers with one JSON object.</summary>
internal sealed class ComposeAction(ComposePlan plan, Func<string, UpstreamState> upstream)
{
    private readonly UpstreamState[] _upstreams = [.. plan.Parts.Select(part => upstream(part.Upstream))];

    // For the access log.
    private readonly string _names = string.Join(",", plan.Parts.Select(part => part.Upstream).Distinct());

    public async Task InvokeAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.FindFeatures(); // filters may have set some
        exchange.Upstream = _names;
        using var composition = new Composition(exchange, plan, _upstreams);
        if (await composition.RunAsync() is { } fault)
        {
            await FaultResponse.WriteAsync(context, exchange, fault);
        }
    }
}
