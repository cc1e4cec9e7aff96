using Lakou.Core.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Filters.BodyLimit;

internal sealed record BodyLimitOptions
{
    public long Size { get; init; } = 1 << 20; // 1 MiB: nginx's client_max_body_size

    private static readonly Shape<long> SizeShape = Shapes.Size(0, 1L << 50);

    public static Shape<BodyLimitOptions> Shape { get; } = Shapes.Object("body-limit", "Bounds request bodies.", () => new BodyLimitOptions())
        .Field("size", SizeShape, o => o.Size, (o, v) => o with { Size = v }, "Bytes allowed, above or below the listener's limit. A longer body is 413 `http/body-too-large`.")
        .Or(SizeShape, size => new BodyLimitOptions { Size = size });
}

/// <summary>Replaces the listener's limit for the request bodies of one route.</summary>
internal sealed class BodyLimitFilter(BodyLimitOptions options, RequestDelegate next)
{
    public static FilterDescriptor Descriptor { get; } = FilterDescriptor.For(
        "body-limit",
        FilterPhase.Admission,
        "Bounds the request bodies of a route.",
        BodyLimitOptions.Shape,
        (options, _, next) => new BodyLimitFilter(options, next).InvokeAsync);

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = options.Size;
        }

        return next(context);
    }
}
