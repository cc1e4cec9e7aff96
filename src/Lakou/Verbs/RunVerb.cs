using System.CommandLine;
using Lakou.Control;
using Lakou.Core.Configuration;

namespace Lakou.Verbs;

/// <summary><c>lakou run FILE</c></summary>
internal static class RunVerb
{
    public static Command Create()
    {
        var file = Inputs.File();
        var noWatch = new Option<bool>("--no-watch") { Description = "Reload on SIGHUP and `lakou reload` only, not when the file changes." };
        var command = new Command(
            "run",
            "Serves a configuration file until SIGTERM; SIGHUP, `lakou reload` and a change of the file load it again.")
        {
            file,
            noWatch,
        };
        command.SetAction(async (parsed, _) =>
        {
            var path = parsed.GetRequiredValue(file);
            var loaded = ConfigurationLoader.LoadFile(path, ReferenceSource.System);
            await using var access = Console.OpenStandardOutput();
            return await Serving.RunAsync(
                loaded,
                new HostSettings { File = path, AccessOutput = access, Watch = !parsed.GetValue(noWatch) },
                host => Report.Started(Console.Error, host, loaded.Plan!, path));
        });
        return command;
    }
}
