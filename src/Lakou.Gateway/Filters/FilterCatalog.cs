using Lakou.Core.Configuration;
using Lakou.Gateway.Filters.BodyLimit;
using Lakou.Gateway.Filters.GrpcWeb;
using Lakou.Gateway.Filters.Headers;
using Lakou.Gateway.Filters.RequestId;
using Lakou.Gateway.Filters.Rewrite;
using Lakou.Gateway.Filters.StripPrefix;
using Lakou.Gateway.Filters.Timeout;

namespace Lakou.Gateway.Filters;

/// <summary>The filters that ship: the one list that a new filter adds a line to.</summary>
internal static class FilterCatalog
{
    public static IReadOnlyList<FilterDescriptor> All { get; } =
    [
        RequestIdFilter.Descriptor,
        GrpcWebFilter.Descriptor,
        BodyLimitFilter.Descriptor,
        StripPrefixFilter.Descriptor,
        RewriteFilter.Descriptor,
        HeadersFilter.Descriptor,
        TimeoutFilter.Descriptor,
    ];

    /// <summary>The <c>filters:</c> map: each name with its own options; <c>false</c> switches an inherited one off.</summary>
    public static Shape<IReadOnlyDictionary<string, object?>> Shape { get; } = Shapes.Variants(
        [.. All.Select(filter => (filter.Name, filter.Shape, filter.Doc))],
        "filters",
        "Policies of a route. They run by phase, not in the order of writing.");

    public static FilterDescriptor Get(string name) => All.First(filter => filter.Name == name);
}
