using System.CommandLine;
using System.Text;

namespace Lakou;

/// <summary>The page <c>docs/reference/cli.md</c>, written from the commands themselves.</summary>
internal static class CommandLineReference
{
    public static string Write(RootCommand root)
    {
        var page = new StringBuilder($"""
            # Command line

            {root.Description} Written by `lakou reference`; do not edit.

            Exit codes: {ExitCode.Fine} fine, {ExitCode.Failed} failed, {ExitCode.Usage} usage, {ExitCode.Configuration} configuration, {ExitCode.Store} the store failed.
            Results go to standard output, everything else to standard error.

            """.ReplaceLineEndings("\n"));
        foreach (var command in root.Subcommands)
        {
            Describe(page, command);
        }

        return page.ToString();
    }

    private static void Describe(StringBuilder page, Command command)
    {
        if (command.Subcommands.Count > 0)
        {
            page.Append($"\n## {CommandLine.NameOf(command)}\n\n{command.Description}\n");
            foreach (var verb in command.Subcommands)
            {
                Describe(page, verb);
            }

            return;
        }

        // 1. How it is called.
        var usage = command.Arguments.Select(argument => argument.Name)
            .Concat(command.Options.Select(option => option.Required ? Call(option) : $"[{Call(option)}]"));
        page.Append($"\n{(command.Parents.First() is RootCommand ? "##" : "###")} {CommandLine.NameOf(command)}\n\n```\n{string.Join(' ', usage.Prepend(CommandLine.NameOf(command)))}\n```\n\n{command.Description}\n");

        // 2. What it takes.
        var inputs = command.Arguments.Select(argument => (Name: argument.Name, argument.Description, Default: ""))
            .Concat(command.Options.Select(option => (Name: Names(option), option.Description, Default: Default(option))))
            .ToArray();
        if (inputs.Length > 0)
        {
            page.Append("\n| | default | |\n|---|---|---|\n");
            foreach (var (name, description, value) in inputs)
            {
                page.Append($"| `{Cell(name)}` | {Cell(value)} | {Cell(description ?? "")} |\n");
            }
        }
    }

    // A bar ends a cell, also within code.
    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Call(Option option)
        => (option.ValueType == typeof(bool) ? option.Name : $"{option.Name} {option.HelpName ?? "VALUE"}")
            + (option.Arity.MaximumNumberOfValues > 1 ? " …" : "");

    private static string Names(Option option)
        => string.Join(", ", option.Aliases.Prepend(option.Name)) + (option.ValueType == typeof(bool) ? "" : $" {option.HelpName ?? "VALUE"}");

    private static string Default(Option option)
        => option.ValueType != typeof(bool) && option.HasDefaultValue && option.GetDefaultValue() is { } value ? $"`{value}`" : "";
}
