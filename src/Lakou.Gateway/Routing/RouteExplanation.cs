using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>Why a request goes where it goes.</summary>
/// <param name="Outcome">As the router says.</param>
/// <param name="Route">The route that takes it, or null.</param>
/// <param name="Reason">What of it matches, or why none does.</param>
/// <param name="Others">The closest routes that do not take it, closest first.</param>
internal sealed record RouteExplanation(RouteOutcome Outcome, string? Route, string Reason, IReadOnlyList<RouteMiss> Others);

/// <param name="Route">Its name.</param>
/// <param name="Reason">The first thing that keeps it from taking the request.</param>
internal sealed record RouteMiss(string Route, string Reason);

/// <summary>A request as given to <c>lakou explain</c>.</summary>
internal sealed record ExplainedRequest(string Host, string Path, string Method, IHeaderDictionary Headers, string Query);
