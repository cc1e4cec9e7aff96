using System.Diagnostics;
using System.Globalization;
using Lakou.Messaging.Events;
using Lakou.Messaging.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Control.Admin;

/// <summary>The backbone's API on the admin listener: all of it, described from the same table by which routes serve it.</summary>
internal static class BackboneEndpoints
{
    public static void Map(WebApplication application, LakouHost host)
    {
        foreach (var verb in ApiVerbs.All)
        {
            Delegate serve = verb.IsNamed
                ? (HttpContext context, string name) => ServeAsync(host, verb, context, name)
                : (HttpContext context) => ServeAsync(host, verb, context, "");
            var endpoint = application.MapMethods(verb.Pattern, [verb.Method], serve)
                .Describe(verb.Id, verb.Noun == "store" ? "store" : verb.Noun, verb.Summary, verb.Description)
                .Takes(verb)
                .Fails(400, 401, 403, 404, 409, 410, 413, 415, 500, 503, 507);
            if (verb.Answer is { } answer)
            {
                endpoint.Produces(verb.Status, answer, "application/json");
            }
            else
            {
                endpoint.Produces(verb.Status);
            }
        }

        application.MapGet("/v1/asyncapi.json", (HttpRequest request) => Results.Json(AsyncApiDocument.Of(host.Backbone, request.Host.Value ?? "localhost", host.Running?.Plan.Gateway.Routes.Values ?? [])))
            .Describe("getAsyncApi", "topics", "Topics and subscriptions for machines", "An AsyncAPI 3.0 document: channels are topics, operations publish to one or receive from a subscription.")
            .Gives<System.Text.Json.Nodes.JsonObject>(200).Fails(401, 403);
    }

    private static string? TraceOf(HttpRequest request)
        => request.Headers.TraceParent is [{ } traceparent] && ActivityContext.TryParse(traceparent, null, out _) ? traceparent : null;

    private static async Task<IResult> ServeAsync(LakouHost host, ApiVerb verb, HttpContext context, string name)
    {
        if (host.BackboneApi is not { } api)
        {
            // A worker that meets a Lakou that starts or stops tries again; one without a backbone is a mistake.
            return host.IsReady ? AdminProblem.Of(AdminFaults.NoBackbone.With("Add topics to the file, or a store: {}.")) : AdminEndpoints.NotReady(host);
        }

        // Events may be larger than configurations.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = EventLimits.Default.BatchBytes;
        if (await verb.Serve(api, new(context, name, null) { Traceparent = TraceOf(context.Request) }) is not { } fault)
        {
            return Results.Empty;
        }

        if (fault.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        return AdminProblem.Of(fault);
    }
}
