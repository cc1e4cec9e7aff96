using System.Text.Json.Nodes;

namespace Lakou.Control.Admin;

/// <param name="Status"><c>up</c> or <c>ready</c>.</param>
internal sealed record HealthView(string Status);

/// <summary>The configuration that serves.</summary>
/// <param name="Version">1 at the start, one more for each change.</param>
/// <param name="AppliedAt">When it began to serve.</param>
/// <param name="File">Null when it came from no file.</param>
/// <param name="Trigger">What brought it: <c>start</c>, <c>signal</c>, <c>api</c> or <c>file</c>.</param>
/// <param name="Status"><c>current</c>, or <c>stale</c> when the last reload was refused.</param>
/// <param name="LastReload">The last attempt, whatever came of it.</param>
/// <param name="Options">As written: references unexpanded, secrets as <c>***</c>.</param>
internal sealed record ConfigView(
    long Version, DateTimeOffset AppliedAt, string? File, string Trigger, string Status, ReloadView? LastReload, JsonNode? Options);

/// <param name="At">When.</param>
/// <param name="Trigger">What asked for it.</param>
/// <param name="Applied">Whether the file's content serves.</param>
/// <param name="Problems">Why not.</param>
internal sealed record ReloadView(DateTimeOffset At, string Trigger, bool Applied, IReadOnlyList<ProblemView> Problems);

/// <param name="Version">Of the configuration that serves now.</param>
/// <param name="Diff">What this reload changed.</param>
internal sealed record ReloadedView(long Version, PlanDiff Diff);

internal sealed record RoutesView(IReadOnlyList<RouteView> Routes);

/// <param name="Name">Its key in the file.</param>
/// <param name="Match">Which requests it takes.</param>
/// <param name="Filters">In running order.</param>
/// <param name="Action"><c>forward</c>, <c>respond</c>, <c>redirect</c>, <c>compose</c>, <c>enqueue</c> or <c>backbone</c>.</param>
/// <param name="To">The upstreams it forwards to.</param>
/// <param name="Topic">The topic whose events its requests become.</param>
internal sealed record RouteView(
    string Name, MatchView Match, IReadOnlyList<ExplainedFilter> Filters, string Action, IReadOnlyList<TargetView> To, string? Topic);

/// <summary>Values of headers and parameters are left out: they may be secrets.</summary>
internal sealed record MatchView(
    string? Host, string? Path, IReadOnlyList<string> Methods, IReadOnlyList<string> Headers, IReadOnlyList<string> Query, int Priority);

internal sealed record TargetView(string Upstream, int Weight);

internal sealed record UpstreamsView(IReadOnlyList<UpstreamView> Upstreams);

/// <param name="Name">Its key in the file.</param>
/// <param name="Balance"><c>power-of-two</c>, <c>hash of header X-User</c>.</param>
/// <param name="Sticky">The cookie by which clients stay with their endpoint, if there is one.</param>
/// <param name="Panic">Too few endpoints are healthy, and all are used.</param>
/// <param name="Limits">When it has any.</param>
/// <param name="Discovery">Where the endpoints come from; null when they stand in the file.</param>
/// <param name="Endpoints">All of them.</param>
internal sealed record UpstreamView(string Name, string Balance, string? Sticky, bool Panic, LimitsView? Limits, DiscoveryView? Discovery, IReadOnlyList<EndpointView> Endpoints);

/// <param name="Source"><c>file</c>, <c>dns</c>, <c>kubernetes</c> or <c>consul</c>.</param>
/// <param name="Of">What is asked for: a path, a name, a service.</param>
/// <param name="State"><c>waiting</c> for the first list, <c>current</c>, or <c>stale</c>: the last list is kept because there is no newer to be had.</param>
/// <param name="Since">When the state began.</param>
/// <param name="LastList">When the last list came.</param>
/// <param name="LastError">The last failure, also after it is over.</param>
internal sealed record DiscoveryView(string Source, string Of, string State, DateTimeOffset Since, DateTimeOffset? LastList, string? LastError);

/// <param name="Places">Requests, or connections of layer 4, at a time.</param>
/// <param name="Taken">Of these, now.</param>
/// <param name="Waiting">For a place.</param>
internal sealed record LimitsView(int Places, int Taken, int Waiting);

/// <param name="Address">As written, references expanded.</param>
/// <param name="Weight">Its share relative to the others.</param>
/// <param name="WeightByHand">Whether the weight was set by hand, and is not the file's.</param>
/// <param name="Tier">0 serves first.</param>
/// <param name="State"><c>healthy</c>, <c>unhealthy</c> (probes), <c>ejected</c> (traffic), or by hand <c>draining</c>, <c>disabled</c>.</param>
/// <param name="Reason">Why it is not healthy.</param>
/// <param name="Since">When the state began.</param>
/// <param name="InFlight">Requests that run on it now.</param>
/// <param name="OpenConnections">Idle ones included.</param>
/// <param name="IdleConnections">Kept for the next request.</param>
internal sealed record EndpointView(
    string Address, int Weight, bool WeightByHand, int Tier, string State, string? Reason, DateTimeOffset Since, int InFlight, int OpenConnections, int IdleConnections);

internal sealed record ListenersView(IReadOnlyList<ListenerView> Listeners);

/// <param name="Name">Its key in the file.</param>
/// <param name="Address">As written.</param>
/// <param name="Bound">As the system has it: port 0 has become a real one.</param>
/// <param name="Tls">Whether connections are encrypted.</param>
/// <param name="Protocols"><c>http1</c>, <c>http2</c>; <c>tcp</c> or <c>udp</c> alone.</param>
/// <param name="Connections">Open now; sessions of <c>udp</c>.</param>
internal sealed record ListenerView(string Name, string Address, string Bound, bool Tls, IReadOnlyList<string> Protocols, int Connections);
