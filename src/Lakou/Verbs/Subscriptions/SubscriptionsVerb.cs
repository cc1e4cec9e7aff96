using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions list|create|delete|receive|dead|redrive|seek|pause|resume</c></summary>
internal static class SubscriptionsVerb
{
    public const string Noun = "subscriptions";

    public static Command Create() => new(Noun, "Durable readers of topics, of a running Lakou.")
    {
        List(),
        CreateSubscription(),
        Delete(),
        ReceiveVerb.Create(),
        DeadVerb.Create(),
        RedriveVerb.Create(),
        SeekVerb.Create(),
        Change("pause", "Gives nothing more out until it is resumed, over restarts too; what is out may be finished."),
        Change("resume", "Ends a pause."),
    };

    private static Command List() => AdminVerb.Create("list", "Lists subscriptions.", [], async (admin, _, isJson) =>
    {
        var answer = await admin.CallAsync(HttpMethod.Get, "/v1/subscriptions");
        if (isJson)
        {
            AdminVerb.PrintJson(answer);
            return;
        }

        Table.Print(Console.Out, ["SUBSCRIPTION", "TOPIC", "MODE", "ORDER", "STATE", "LAG#", "LEASED#", "RETRYING#", "DEAD#"], answer![Noun]!.AsArray().Select(one => new[]
        {
            $"{one!["name"]}", $"{one["topic"]}", $"{one["mode"]}", $"{one["order"]}", $"{one["state"]}", $"{one["lag"]}", $"{one["leased"]}", $"{one["retrying"]}", $"{one["dead"]}",
        }));
    });

    private static Command CreateSubscription()
    {
        var name = AdminVerb.Name("subscription");
        var topic = new Option<string>("--topic") { Description = "What it reads.", HelpName = "TOPIC", Required = true };
        var filter = AdminVerb.Filter("Sees only events whose attribute has this value, or begins so: `type=order.*`. More than once: all attributes must match, one value of each.");
        var attempts = new Option<int?>("--attempts") { Description = "Most attempts; then an event is dead.", HelpName = "COUNT" };
        var others = new Option<string?>("--options") { Description = "Options that have no name here, as JSON with the keys of the file: `{\"retry\":{\"first\":\"5s\"}}`.", HelpName = "JSON" };
        (string Key, Option<string?> Option)[] texts =
        [
            ("mode", new("--mode") { Description = "`queue`: events are leased and acknowledged; `log`: read in order, and committed.", HelpName = "queue|log" }),
            ("order", new("--order") { Description = "`key`: events with one key one after the other.", HelpName = "none|key" }),
            ("start", new("--start") { Description = "Where it begins: `earliest`, `latest`, an offset, or a time.", HelpName = "PLACE" }),
            ("lease", new("--lease") { Description = "How long a worker has an event.", HelpName = "DURATION" }),
        ];
        var command = AdminVerb.Create("create", "Makes a subscription, or changes one that was made so; what is not given has the default of the file.", [name, topic, .. texts.Select(text => text.Option), filter, attempts, others], async (admin, parsed, isJson) =>
        {
            var options = parsed.GetValue(others) is { } written ? JsonNode.Parse(written)!.AsObject() : [];
            options["topic"] = parsed.GetRequiredValue(topic);
            foreach (var (key, option) in texts.Where(text => parsed.GetValue(text.Option) is not null))
            {
                options[key] = key == "start" ? SeekVerb.PlaceOf(parsed.GetValue(option)!) : parsed.GetValue(option);
            }

            if (AdminVerb.FilterOf(parsed.GetValue(filter)) is { } chosen)
            {
                options["filter"] = chosen;
            }

            if (parsed.GetValue(attempts) is { } most)
            {
                if (options["retry"] is not JsonObject retry)
                {
                    options["retry"] = retry = [];
                }

                retry["attempts"] = most;
            }

            Show(await admin.CallAsync(HttpMethod.Put, AdminVerb.Path(Noun, parsed.GetRequiredValue(name)), options), isJson);
        });
        others.Validators.Add(result =>
        {
            try
            {
                if (JsonNode.Parse(result.Tokens[0].Value) is JsonObject)
                {
                    return;
                }
            }
            catch (JsonException)
            {
                // Said below.
            }

            result.AddError("--options: not a JSON object");
        });
        return command;
    }

    private static Command Delete()
    {
        var name = AdminVerb.Name("subscription");
        return AdminVerb.Create("delete", "Deletes a subscription with its place and its dead events; not while the file has it.", [name], async (admin, parsed, isJson) =>
        {
            await admin.CallAsync(HttpMethod.Delete, AdminVerb.Path(Noun, parsed.GetRequiredValue(name)));
            Console.Out.WriteLine(isJson ? "{}" : $"subscription {parsed.GetRequiredValue(name)} is deleted");
        });
    }

    private static Command Change(string verb, string description)
    {
        var name = AdminVerb.Name("subscription");
        return AdminVerb.Create(verb, description, [name], async (admin, parsed, isJson)
            => Show(await admin.CallAsync(HttpMethod.Post, AdminVerb.Path(Noun, parsed.GetRequiredValue(name), $"/{verb}")), isJson));
    }

    private static void Show(JsonNode? subscription, bool isJson)
    {
        if (isJson)
        {
            AdminVerb.PrintJson(subscription);
            return;
        }

        Console.Out.WriteLine($"subscription {subscription!["name"]}: {subscription["mode"]} of {subscription["topic"]}, {subscription["state"]}, {subscription["lag"]} to go");
    }
}
