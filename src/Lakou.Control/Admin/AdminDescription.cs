using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Lakou.Control.Admin;

/// <summary>The admin API as an OpenAPI document, made from the endpoints themselves.</summary>
internal static class AdminDescription
{
    private static readonly (string Name, string Text)[] Tags =
    [
        ("configuration", "The configuration that serves, and the next one."),
        ("endpoints", "Endpoints of upstreams, by hand. What is set holds over reloads as long as the endpoint stays, and not over a restart."),
        ("health", "For load balancers and orchestrators."),
        ("metrics", "For monitoring."),
        ("state", "What is live."),
        ("store", "Where topics and subscriptions are kept."),
        ("subscriptions", "Durable readers of topics."),
        ("topics", "Durable sequences of events."),
    ];

    public static void AddTo(IServiceCollection services) => services.AddOpenApi("v1", options => options.AddDocumentTransformer((document, _, _) =>
    {
        document.Info = new OpenApiInfo
        {
            Title = "Lakou admin API",
            Version = LakouHost.Version,
            Description = "Health, metrics, and the configuration of a running Lakou. Every error is a problem document (RFC 9457).",
            Contact = new OpenApiContact { Name = "Whoever operates this Lakou" },
        };
        document.Servers = [new OpenApiServer { Url = "/", Description = "The admin listener that gave this document." }];
        document.Tags = new HashSet<OpenApiTag>(Tags.Select(tag => new OpenApiTag { Name = tag.Name, Description = tag.Text }));
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["token"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "The value of `admin.token`, when one is set." },
        };
        document.Security = [new OpenApiSecurityRequirement(), new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", document)] = [] }];
        return Task.CompletedTask;
    }));

    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string id, string tag, string summary, string description)
        => endpoint.WithName(id).WithTags(tag).WithSummary(summary).WithDescription(description);

    public static RouteHandlerBuilder Gives<T>(this RouteHandlerBuilder endpoint, int status, string contentType = "application/json")
        => endpoint.Produces<T>(status, contentType);

    public static RouteHandlerBuilder Fails(this RouteHandlerBuilder endpoint, params int[] statuses)
    {
        foreach (var status in statuses)
        {
            endpoint.Produces<AdminProblem>(status, AdminProblem.ContentType);
        }

        return endpoint;
    }

    /// <summary>Says so without refusing other types: what curl sends by itself is a form.</summary>
    public static RouteHandlerBuilder TakesYaml(this RouteHandlerBuilder endpoint)
        => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Description = "A configuration, at most 4 MiB.",
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/yaml"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = JsonValue.Create("listeners: { web: { address: \":8080\" } }\n") },
                },
            };
            return Task.CompletedTask;
        });
}
