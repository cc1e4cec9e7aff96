using System.Text;

namespace Lakou.Control;

/// <param name="Name">Its key under <c>filters</c>.</param>
/// <param name="Phase">What decides its place.</param>
internal sealed record ExplainedFilter(string Name, string Phase);

/// <param name="Name">The upstream.</param>
/// <param name="Weight">Its share relative to the others.</param>
/// <param name="Balance">How one of the endpoints is chosen.</param>
/// <param name="Endpoints">Their addresses; where they come from, as <c>dns orders.internal:8080</c>, when they are not in the file.</param>
internal sealed record ExplainedUpstream(string Name, int Weight, string Balance, IReadOnlyList<string> Endpoints);

/// <summary>Why a request goes where it goes.</summary>
/// <param name="Method">As asked.</param>
/// <param name="Url">As asked.</param>
/// <param name="Listeners">Those that would take it, with their addresses; none when no port and scheme fit.</param>
/// <param name="Route">Null when none takes it.</param>
/// <param name="Reason">What of the route matches, or why there is none.</param>
/// <param name="Others">The closest other routes, each with the first thing that keeps it away.</param>
/// <param name="Filters">In running order.</param>
/// <param name="Action"><c>forward</c>, <c>respond 200</c>, <c>redirect 308 to …</c>, <c>compose</c>, <c>enqueue orders</c>.</param>
/// <param name="Target">Path and query that the endpoint would see.</param>
/// <param name="Upstreams">Where it may be forwarded.</param>
internal sealed record Explanation(
    string Method,
    string Url,
    IReadOnlyList<string> Listeners,
    string? Route,
    string Reason,
    IReadOnlyList<string> Others,
    IReadOnlyList<ExplainedFilter> Filters,
    string? Action,
    string? Target,
    IReadOnlyList<ExplainedUpstream> Upstreams)
{
    /// <summary>Of a composed answer, each with the path and query that its endpoint would see.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>For a terminal.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Line("request", $"{Method} {Url}");
        Line("listener", Listeners.Count == 0 ? "none has this port and scheme; what follows is what any listener would do" : string.Join(", ", Listeners));
        Line("route", Route is null ? $"none: {Reason}" : $"{Route}: {Reason}");
        if (Route is not null)
        {
            Line("filters", Filters.Count == 0 ? "none" : string.Join(" → ", Filters.Select(filter => $"{filter.Name} ({filter.Phase})")));
            Line("action", Action + (Target is null ? "" : $" {Method} {Target}"));
        }

        foreach (var part in Parts)
        {
            Line("part", part);
        }

        foreach (var upstream in Upstreams)
        {
            Line("upstream", $"{upstream.Name}{(Upstreams.Count > 1 && Parts.Count == 0 ? $" (weight {upstream.Weight})" : "")}, {upstream.Balance}: {string.Join(", ", upstream.Endpoints)}");
        }

        foreach (var other in Others)
        {
            Line("not", other);
        }

        return text.ToString();

        void Line(string label, string value) => text.Append($"{label,-9} {value}\n");
    }
}
