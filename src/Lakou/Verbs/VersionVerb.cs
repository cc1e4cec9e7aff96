using System.CommandLine;

namespace Lakou.Verbs;

/// <summary><c>lakou version</c></summary>
internal static class VersionVerb
{
    public static Command Create()
    {
        var command = new Command("version", "Prints the version, its commit and the runtime.");
        command.SetAction(_ =>
        {
            var commit = Build.Commit.Length > 0 ? $" ({Build.Commit})" : "";
            Console.Out.WriteLine($"lakou {Build.Version}{commit}, {Build.Platform}");
            return ExitCode.Fine;
        });
        return command;
    }
}
