using System.Text;
using Lakou.Core.Metrics;
using Lakou.Gateway;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Admin;

/// <summary>What the admin API answers.</summary>
internal static class AdminEndpoints
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static void Map(WebApplication application, LakouHost host)
    {
        application.MapGet("/healthz", () => new HealthView("up"))
            .Describe("getHealth", "health", "Whether the process runs", "Answers as long as the process does; asks for no token.")
            .Gives<HealthView>(200).Fails(403);

        application.MapGet("/readyz", () => host.IsReady ? Results.Json(new HealthView("ready")) : NotReady(host))
            .Describe("getReadiness", "health", "Whether traffic may be sent here", "503 before the first configuration serves and while Lakou stops; asks for no token.")
            .Gives<HealthView>(200).Fails(403, 503);

        application.MapGet("/metrics", () => new Exposition(host.Registry))
            .Describe("getMetrics", "metrics", "Metrics for Prometheus", "The text exposition format 0.0.4.")
            .Gives<string>(200, "text/plain").Fails(401, 403);

        MapConfiguration(application, host);
        MapState(application, host);
        EndpointVerbs.Map(application, host);
        BackboneEndpoints.Map(application, host);
        application.MapOpenApi("/v1/openapi.json");
    }

    private static void MapConfiguration(WebApplication application, LakouHost host)
    {
        application.MapGet("/v1/config", () => WhenRunning(host, running => Results.Json(ViewOf(running))))
            .Describe("getConfig", "configuration", "The configuration that serves", "As written, with references unexpanded and secrets hidden, and what became of the last reload.")
            .Gives<ConfigView>(200).Fails(401, 403, 503);

        application.MapPost("/v1/config/reload", async () =>
        {
            var result = await host.ReloadAsync("api");
            return result.Applied
                ? Results.Json(new ReloadedView(host.Running!.Version, result.Diff))
                : AdminProblem.Of(AdminFaults.BadConfiguration.With("Nothing changed; the configuration before keeps serving."), result.Problems);
        })
            .Describe("reloadConfig", "configuration", "Load the file again", "Applies what changed, or changes nothing and says everything that is wrong.")
            .Gives<ReloadedView>(200).Fails(401, 403, 422);

        application.MapPost("/v1/config/diff", async (HttpRequest request) =>
        {
            if (await ReadTextAsync(request) is not { } text)
            {
                return AdminProblem.Of(AdminFaults.BadRequest.With("The body is not UTF-8 text."));
            }

            var loaded = ConfigurationLoader.LoadText(host.Running?.File ?? "configuration", text, host.Directory, host.References);
            return loaded.Plan is { } plan
                ? WhenRunning(host, running => Results.Json(PlanDiff.Between(running.Plan, plan)))
                : AdminProblem.Of(AdminFaults.BadConfiguration.With("The text was checked and not applied."), loaded.Problems);
        })
            .Describe("diffConfig", "configuration", "Compare a text with the configuration that serves", "Checks a YAML text as if it were the file and says what loading it would change. Nothing is applied.")
            .TakesYaml().Gives<PlanDiff>(200).Fails(400, 401, 403, 413, 422, 503);
    }

    private static void MapState(WebApplication application, LakouHost host)
    {
        application.MapGet("/v1/routes", () => WhenRunning(host, running => Results.Json(StateViews.Routes(running.Plan.Gateway))))
            .Describe("listRoutes", "state", "Routes", "What each takes, the filters in running order, and what it does.")
            .Gives<RoutesView>(200).Fails(401, 403, 503);

        application.MapGet("/v1/upstreams", () => Results.Json(StateViews.Upstreams(host.Gateway)))
            .Describe("listUpstreams", "state", "Upstreams", "Endpoints with their requests and connections at this moment.")
            .Gives<UpstreamsView>(200).Fails(401, 403);

        application.MapGet("/v1/listeners", () => Results.Json(StateViews.Listeners(host.Gateway)))
            .Describe("listListeners", "state", "Listeners", "Addresses as bound, and open connections.")
            .Gives<ListenersView>(200).Fails(401, 403);

        application.MapGet("/v1/explain", (string url, string? method) => WhenRunning(host, running => ExplainRequest(running.Plan.Gateway, method ?? "GET", url)))
            .Describe("explainRequest", "state", "Where a request would go", "The route that takes it and why, the closest others, filters, and endpoints. Nothing is sent.")
            .Gives<Explanation>(200).Fails(400, 401, 403, 503);
    }

    private static IResult ExplainRequest(GatewayPlan plan, string method, string url)
    {
        try
        {
            return Results.Json(Explain.Request(plan, method, url, new HeaderDictionary()));
        }
        catch (ArgumentException e)
        {
            return AdminProblem.Of(AdminFaults.BadRequest.With(e.Message));
        }
    }

    private static IResult WhenRunning(LakouHost host, Func<RunningConfiguration, IResult> answer)
        => host.Running is { } running ? answer(running) : NotReady(host);

    /// <summary>503, for as long as it starts or stops.</summary>
    public static IResult NotReady(LakouHost host)
        => AdminProblem.Of(host.IsDraining
            ? AdminFaults.Draining.With("It finishes what runs and takes no more.")
            : AdminFaults.NotReady.With("Lakou is starting."));

    private static ConfigView ViewOf(RunningConfiguration running) => new(
        running.Version,
        running.AppliedAt,
        running.File,
        running.Trigger,
        running.LastReload is { Applied: false } ? "stale" : "current",
        running.LastReload is { } last ? new(last.At, last.Trigger, last.Applied, ProblemView.Of(last.Problems)) : null,
        running.Plan.Document.Root is { } root ? LakouOptions.Shape.ToDisplay(root) : null);

    private static async Task<string?> ReadTextAsync(HttpRequest request)
    {
        // Bounded by the server: a larger body ends in 413.
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        try
        {
            return StrictUtf8.GetString(body.GetBuffer(), 0, (int)body.Length);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private sealed class Exposition(MetricRegistry registry) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = MetricRegistry.ContentType;
            registry.Write(httpContext.Response.BodyWriter);
            await httpContext.Response.BodyWriter.FlushAsync(httpContext.RequestAborted);
        }
    }
}
