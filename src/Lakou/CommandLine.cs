using System.CommandLine;
using System.CommandLine.Invocation;
using Lakou.Core.Configuration;
using Lakou.Verbs;

namespace Lakou;

/// <summary>The verbs, and what happens when none of them can be understood.</summary>
internal static class CommandLine
{
    public static RootCommand Create() => new("An HTTP gateway in one binary: routes, limits and filters are configuration, not code.")
    {
        RunVerb.Create(),
        ProxyVerb.Create(),
        CheckVerb.Create(),
        ExplainVerb.Create(),
        ReloadVerb.Create(),
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
        if (command is RootCommand root && parsed.UnmatchedTokens is [var word, ..])
        {
            await Console.Error.WriteLineAsync($"lakou: unknown verb '{word}'{Nearest.Suggest(word, root.Subcommands.Select(verb => verb.Name))}");
        }
        else
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"lakou: {error.Message}");
            }
        }

        await Console.Error.WriteLineAsync($"See: lakou{(command is RootCommand ? "" : $" {command.Name}")} --help");
        return ExitCode.Usage;
    }
}
