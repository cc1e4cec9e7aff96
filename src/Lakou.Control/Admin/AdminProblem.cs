using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Admin;

/// <summary>Every error of the admin API: RFC 9457 problem details.</summary>
/// <param name="Type">A URN made of the fault's code.</param>
/// <param name="Title">The same for every occurrence.</param>
/// <param name="Status">Of the response.</param>
/// <param name="Detail">What was wrong this time.</param>
/// <param name="Fault">The stable code.</param>
/// <param name="Problems">Of a configuration.</param>
internal sealed record AdminProblem(string Type, string Title, int Status, string Detail, string Fault, IReadOnlyList<ProblemView>? Problems = null)
{
    public const string ContentType = "application/problem+json";

    public static IResult Of(Fault fault, IReadOnlyList<Problem>? problems = null)
        => Results.Json(
            new AdminProblem("urn:lakou:fault:" + fault.Code.Name, fault.Code.Title, fault.Code.Status, fault.Detail, fault.Code.Name, problems is null ? null : ProblemView.Of(problems)),
            contentType: ContentType,
            statusCode: fault.Code.Status);
}

/// <summary>Something wrong in a configuration.</summary>
/// <param name="File">As the operator named it.</param>
/// <param name="Line">From 1; 0 when the file as a whole is meant.</param>
/// <param name="Column">From 1; 0 when the file as a whole is meant.</param>
/// <param name="Path">Of the key.</param>
/// <param name="Message">What is wrong; what would be right.</param>
internal sealed record ProblemView(string File, int Line, int Column, string Path, string Message)
{
    public static IReadOnlyList<ProblemView> Of(IReadOnlyList<Problem> problems)
        => [.. problems.Select(problem => new ProblemView(problem.File, problem.Line, problem.Column, problem.Path, problem.Message))];
}

internal static class AdminJson
{
    public static void Configure(JsonSerializerOptions options)
    {
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // read by people in a terminal; never put into HTML
    }
}
