using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Filters.Timeout;

internal sealed record TimeoutOptions
{
    public TimeSpan Total { get; init; } = TimeSpan.FromSeconds(60);

    private static readonly Shape<TimeSpan> TotalShape = Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));

    public static Shape<TimeoutOptions> Shape { get; } = Shapes.Object("timeout", "Bounds the whole exchange.", () => new TimeoutOptions())
        .Field("total", TotalShape, o => o.Total, (o, v) => o with { Total = v }, "From the request's head to the last byte of the answer. Passing it is 504 `upstream/total-timeout`; an answer under way is cut.")
        .Or(TotalShape, total => new TimeoutOptions { Total = total });
}

/// <summary>Gives an exchange a deadline that every later step keeps. Nothing runs until it passes.</summary>
internal sealed class TimeoutFilter(TimeoutOptions options, RequestDelegate next)
{
    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "timeout",
        FilterPhase.Resilience,
        "Bounds the whole exchange; the steps have timeouts of their own in the upstream.",
        TimeoutOptions.Shape,
        (options, _, next) => new TimeoutFilter(options, next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        Exchange.Of(context).SetTotalTimeout(options.Total);
        return next(context);
    }
}
