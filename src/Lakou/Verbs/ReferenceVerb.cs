using System.CommandLine;
using Lakou.Control;

namespace Lakou.Verbs;

/// <summary><c>lakou reference --out DIR</c></summary>
internal static class ReferenceVerb
{
    public static Command Create()
    {
        var directory = new Option<string>("--out") { Description = "The folder; made when it is missing.", HelpName = "DIR", Required = true };
        var command = new Command("reference", "Writes the reference pages and the JSON schema into a folder.") { directory };
        command.SetAction(parsed =>
        {
            var target = Directory.CreateDirectory(parsed.GetRequiredValue(directory)).FullName;
            foreach (var (name, text) in Pages())
            {
                File.WriteAllText(Path.Combine(target, name), text.TrimEnd('\n') + "\n");
                Console.Out.WriteLine(Path.Combine(parsed.GetRequiredValue(directory), name));
            }

            return ExitCode.Fine;
        });
        return command;
    }

    private static IEnumerable<(string Name, string Text)> Pages() =>
    [
        ("options.md", References.Options()),
        ("faults.md", References.Faults()),
        ("metrics.md", References.Metrics()),
        ("cli.md", CommandLineReference.Write(CommandLine.Create())),
        ("lakou.schema.json", References.Schema()),
    ];
}
