using System.CommandLine;
using System.Text.Json.Nodes;

namespace Lakou.Verbs;

/// <summary>A verb that asks a running Lakou: how it is reached, how it answers, what failure looks like.</summary>
internal sealed class AdminVerb
{
    private readonly Option<Uri> _address = Inputs.Admin();
    private readonly Option<string?> _token = Inputs.Token();
    private readonly Option<bool> _json = new("--json") { Description = "JSON in place of lines for people: one value, or one a line." };

    private AdminVerb(Command command) => Command = command;

    private Command Command { get; }

    /// <param name="parts">Arguments and options, before those that all have.</param>
    /// <param name="run">Exit code 0 unless it throws.</param>
    public static Command Create(string name, string description, Symbol[] parts, Func<Admin, ParseResult, bool, Task> run)
    {
        var verb = new AdminVerb(new Command(name, description));
        foreach (var part in parts)
        {
            verb.Add(part);
        }

        verb.Add(verb._json);
        verb.Add(verb._address);
        verb.Add(verb._token);
        verb.Command.SetAction((parsed, _) => verb.RunAsync(parsed, run));
        return verb.Command;
    }

    public static Argument<string> Name(string what) => new("NAME") { Description = $"Of the {what}." };

    /// <summary><c>/v1/topics/orders/events</c></summary>
    public static string Path(string noun, string name, string tail = "") => $"/v1/{noun}/{Uri.EscapeDataString(name)}{tail}";

    /// <summary><c>type=order.*</c>, more than once; values of one attribute are alternatives.</summary>
    public static Option<string[]> Filter(string description)
    {
        var option = new Option<string[]>("--filter") { Description = description, HelpName = "ATTRIBUTE=VALUE" };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
            {
                result.AddError($"--filter '{token.Value}': not a filter; use ATTRIBUTE=VALUE, such as 'type=order.*'");
            }
        });
        return option;
    }

    public static JsonObject? FilterOf(string[]? written)
    {
        var filter = new JsonObject();
        foreach (var (name, value) in (written ?? []).Select(one => (one[..one.IndexOf('=', StringComparison.Ordinal)], one[(one.IndexOf('=', StringComparison.Ordinal) + 1)..])))
        {
            if (filter[name] is not JsonArray values)
            {
                filter[name] = values = [];
            }

            values.Add(value);
        }

        return filter.Count > 0 ? filter : null;
    }

    public static void PrintJson(JsonNode? value) => Console.Out.WriteLine(value?.ToJsonString(EventText.Json) ?? "{}");

    private void Add(Symbol part)
    {
        if (part is Argument argument)
        {
            Command.Add(argument);
        }
        else
        {
            Command.Add((Option)part);
        }
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<Admin, ParseResult, bool, Task> run)
    {
        using var admin = new Admin(parsed.GetRequiredValue(_address), parsed.GetValue(_token));
        try
        {
            await run(admin, parsed, parsed.GetValue(_json));
            return ExitCode.Fine;
        }
        catch (AdminException e)
        {
            await Console.Out.FlushAsync();
            await Console.Error.WriteLineAsync($"lakou: {e.Message}");
            return ExitCode.Failed;
        }
    }
}
