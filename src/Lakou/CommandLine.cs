using System.CommandLine;
using System.CommandLine.Invocation;
using Lakou.Core.Configuration;
using Lakou.Verbs;
using Lakou.Verbs.Subscriptions;
using Lakou.Verbs.Topics;

namespace Lakou;

/// <summary>The verbs, and what happens when none of them can be understood.</summary>
internal static class CommandLine
{
    public static RootCommand Create() => new("An HTTP gateway and durable events in one binary: routes, limits, filters and topics are configuration, not code.")
    {
        RunVerb.Create(),
        ProxyVerb.Create(),
        CheckVerb.Create(),
        ExplainVerb.Create(),
        ReloadVerb.Create(),
        TopicsVerb.Create(),
        SubscriptionsVerb.Create(),
        DemoVerb.Create(),
        SchemaVerb.Create(),
        ReferenceVerb.Create(),
        VersionVerb.Create(),
    };

    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Create().Parse(args);
        if (parsed.Action is ParseErrorAction || parsed.Action is null)
        {
            return await RefuseAsync(parsed);
        }

        // Signals are the verbs' own; a bug crashes loudly.
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static async Task<int> RefuseAsync(ParseResult parsed)
    {
        if (parsed.Tokens.Count == 0)
        {
            await parsed.CommandResult.Command.Parse("--help").InvokeAsync(new InvocationConfiguration { Output = Console.Error });
            return ExitCode.Usage;
        }

        var command = parsed.CommandResult.Command;
        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [var word, ..])
        {
            await Console.Error.WriteLineAsync($"lakou: unknown verb '{word}'{Nearest.Suggest(word, command.Subcommands.Select(verb => verb.Name))}");
        }
        else
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"lakou: {error.Message}");
            }
        }

        await Console.Error.WriteLineAsync($"See: {NameOf(command)} --help");
        return ExitCode.Usage;
    }

    /// <summary><c>lakou topics publish</c></summary>
    public static string NameOf(Command command)
        => command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{NameOf(parent)} {command.Name}" : "lakou";
}
