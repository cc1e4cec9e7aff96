using System.Text.Json.Nodes;
using Lakou.Messaging.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Lakou.Control.Admin;

/// <summary>What the backbone's verbs take, in the OpenAPI document: their handlers read requests by hand, so nothing tells it by itself.</summary>
internal static class BackboneDescription
{
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, ApiVerb verb)
        => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            var input = ApiInput.Of(verb);
            foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
            {
                parameter.Description = $"Of the {verb.Noun[..^1]}.";
            }

            operation.Parameters = [.. operation.Parameters ?? [], .. input.Query.Select(ParameterOf)];
            if (input.Bodies.Count > 0)
            {
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = input.IsBodyRequired,
                    Description = verb.Summary,
                    Content = input.Bodies.ToDictionary(body => body.ContentType, body => new OpenApiMediaType { Schema = SchemaOf(body.Schema), Example = JsonNode.Parse(body.Example) }, StringComparer.Ordinal),
                };
            }

            return Task.CompletedTask;
        });

    private static OpenApiParameter ParameterOf(ApiQuery query) => new()
    {
        Name = query.Name,
        In = ParameterLocation.Query,
        Description = query.Description,
        Schema = SchemaOf(query.Schema),
        Example = JsonNode.Parse(query.Example),
    };

    private static OpenApiSchema SchemaOf(string json)
        => OpenApiModelFactory.Parse<OpenApiSchema>(json, OpenApiSpecVersion.OpenApi3_1, new OpenApiDocument(), out _, "json") ?? throw new InvalidOperationException($"not a schema: {json}");
}
