using System.Text.Json;
using Lakou.Core.Configuration;

namespace Lakou;

/// <summary>What the admin API said to a reload or a comparison.</summary>
/// <param name="Lines"><c>+ route hello</c>, <c>~ upstream orders</c>, <c>- listener web</c>.</param>
/// <param name="Problems">Of the configuration.</param>
/// <param name="Error">Why there is no answer; null when there is one.</param>
internal sealed record AdminAnswer(IReadOnlyList<string> Lines, IReadOnlyList<Problem> Problems, string? Error)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static AdminAnswer Failed(string error) => new([], [], error);

    /// <param name="status">200: the lines; 422: the problems; anything else is an error, as a problem document (RFC 9457) where there is one.</param>
    /// <param name="body">JSON.</param>
    /// <param name="from">For the error.</param>
    public static AdminAnswer Read(int status, string body, Uri from)
    {
        Document? document = null;
        try
        {
            document = JsonSerializer.Deserialize<Document>(body, Json);
        }
        catch (JsonException)
        {
            // Not a Lakou: said below.
        }

        return status switch
        {
            200 when (document?.Lines ?? document?.Diff?.Lines) is { } lines => new(lines, [], null),
            422 when document?.Problems is { } problems => new([], problems, null),
            _ when document?.Detail is { } detail => Failed($"{from}: {status} {detail}"),
            _ => Failed($"{from} answered {status}, which is not the admin API of Lakou"),
        };
    }

    /// <summary>Lines to standard output, what is wrong to standard error.</summary>
    /// <param name="nothing">Said when there are no lines.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public int Print(string nothing)
    {
        if (Error is not null)
        {
            Console.Error.WriteLine($"lakou: {Error}");
            return ExitCode.Failed;
        }

        if (Problems.Count > 0)
        {
            Report.Problems(Console.Error, Problems);
            return ExitCode.Configuration;
        }

        foreach (var line in Lines.DefaultIfEmpty(nothing))
        {
            Console.Out.WriteLine(line);
        }

        return ExitCode.Fine;
    }

    private sealed record Document(IReadOnlyList<string>? Lines, Difference? Diff, IReadOnlyList<Problem>? Problems, string? Detail);

    private sealed record Difference(IReadOnlyList<string> Lines);
}
