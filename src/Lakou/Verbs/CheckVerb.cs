using System.CommandLine;
using System.Text.Json;
using Lakou.Control;
using Lakou.Core.Configuration;

namespace Lakou.Verbs;

/// <summary><c>lakou check FILE [--against ADMIN_URL] [--json]</c></summary>
internal static class CheckVerb
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var file = Inputs.File();
        var against = Inputs.Against();
        var token = Inputs.Token();
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of lines." };
        var command = new Command(
            "check",
            "Prints every problem of a configuration file, one a line.")
        {
            file,
            against,
            token,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetResult(against) is not null)
            {
                result.AddError("--json and --against do not go together");
            }
        });
        command.SetAction(async (parsed, _) =>
        {
            var path = parsed.GetRequiredValue(file);
            var loaded = ConfigurationLoader.LoadFile(path, ReferenceSource.System);
            if (parsed.GetValue(json))
            {
                PrintJson(path, loaded);
            }
            else if (loaded.Plan is null)
            {
                Report.Problems(Console.Out, loaded.Problems);
            }
            else if (parsed.GetValue(against) is null)
            {
                Console.Out.WriteLine($"{path} is fine: {Report.Contents(loaded.Plan)}");
            }

            if (loaded.Plan is null)
            {
                return ExitCode.Configuration;
            }

            return parsed.GetValue(against) is { } running ? await CompareAsync(path, running, parsed.GetValue(token)) : ExitCode.Fine;
        });
        return command;
    }

    private static async Task<int> CompareAsync(string path, Uri running, string? token)
    {
        using var admin = new Admin(running, token);
        var answer = await admin.DiffAsync(await File.ReadAllTextAsync(path));
        return answer.Print("nothing would change");
    }

    private static void PrintJson(string path, LoadResult loaded)
    {
        var plan = loaded.Plan?.Gateway;
        Console.Out.WriteLine(JsonSerializer.Serialize(
            new { File = path, Fine = plan is not null, Listeners = plan?.Listeners.Keys, Routes = plan?.Routes.Keys, Upstreams = plan?.Upstreams.Keys, loaded.Problems },
            Json));
    }
}
