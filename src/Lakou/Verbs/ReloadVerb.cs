using System.CommandLine;

namespace Lakou.Verbs;

/// <summary><c>lakou reload [--admin URL]</c></summary>
internal static class ReloadVerb
{
    public static Command Create()
    {
        var address = Inputs.Admin();
        var token = Inputs.Token();
        var command = new Command("reload", "Makes a running Lakou load its file again, and prints what changed.") { address, token };
        command.SetAction(async (parsed, _) =>
        {
            using var admin = new Admin(parsed.GetRequiredValue(address), parsed.GetValue(token));
            var answer = await admin.ReloadAsync();
            return answer.Print("reloaded; nothing changed");
        });
        return command;
    }
}
