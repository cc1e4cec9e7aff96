using System.CommandLine;
using Lakou.Control;

namespace Lakou.Verbs;

/// <summary><c>lakou schema</c></summary>
internal static class SchemaVerb
{
    public static Command Create()
    {
        var command = new Command("schema", "Prints the JSON schema of the configuration file, for editors.");
        command.SetAction(_ =>
        {
            Console.Out.Write(References.Schema().TrimEnd('\n') + "\n");
            return ExitCode.Fine;
        });
        return command;
    }
}
