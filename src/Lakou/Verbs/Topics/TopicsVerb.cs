using System.CommandLine;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Topics;

/// <summary><c>lakou topics list|create|delete|publish|tail</c></summary>
internal static class TopicsVerb
{
    public static Command Create() => new("topics", "Durable sequences of events, of a running Lakou.")
    {
        List(),
        CreateTopic(),
        Delete(),
        PublishVerb.Create(),
        TailVerb.Create(),
    };

    private static Command List() => AdminVerb.Create("list", "Lists topics.", [], async (admin, _, isJson) =>
    {
        var answer = await admin.CallAsync(HttpMethod.Get, "/v1/topics");
        if (isJson)
        {
            AdminVerb.PrintJson(answer);
            return;
        }

        Table.Print(Console.Out, ["TOPIC", "PARTITIONS#", "EVENTS#", "SIZE#", "HELD#", "KEY", "RETENTION", "SUBSCRIPTIONS"], answer!["topics"]!.AsArray().Select(topic => new[]
        {
            $"{topic!["name"]}",
            $"{topic["partitions"]!.AsArray().Count}",
            $"{topic["events"]}",
            Table.Size(topic["bytes"]!.GetValue<long>()),
            $"{topic["held"]}",
            $"{topic["key"]}",
            $"{topic["retention"]}",
            string.Join(", ", topic["subscriptions"]!.AsArray()),
        }));
    });

    private static Command CreateTopic()
    {
        var name = AdminVerb.Name("topic");
        var partitions = new Option<int?>("--partitions") { Description = "Sequences of their own; their number is for ever.", HelpName = "COUNT" };
        (string Key, Option<string?> Option)[] texts =
        [
            ("key", new("--key") { Description = "The attribute that decides the partition.", HelpName = "ATTRIBUTE" }),
            ("retention", new("--retention") { Description = "How long events are kept.", HelpName = "DURATION" }),
            ("retention-size", new("--retention-size") { Description = "Most bytes of all partitions together.", HelpName = "SIZE" }),
            ("dedup", new("--dedup") { Description = "How long an event is known by its source and id.", HelpName = "DURATION" }),
        ];
        return AdminVerb.Create("create", "Makes a topic, or changes one that was made so; what is not given has the default of the file.", [name, partitions, .. texts.Select(text => text.Option)], async (admin, parsed, isJson) =>
        {
            var options = new JsonObject();
            if (parsed.GetValue(partitions) is { } count)
            {
                options["partitions"] = count;
            }

            foreach (var (key, option) in texts.Where(text => parsed.GetValue(text.Option) is not null))
            {
                options[key] = parsed.GetValue(option);
            }

            var topic = await admin.CallAsync(HttpMethod.Put, AdminVerb.Path("topics", parsed.GetRequiredValue(name)), options);
            if (isJson)
            {
                AdminVerb.PrintJson(topic);
                return;
            }

            var parts = topic!["partitions"]!.AsArray().Count;
            Console.Out.WriteLine($"topic {topic["name"]}: {parts} partition{(parts == 1 ? "" : "s")} by {topic["key"]}, kept {topic["retention"]}");
        });
    }

    private static Command Delete()
    {
        var name = AdminVerb.Name("topic");
        return AdminVerb.Create("delete", "Deletes a topic with all its events; not while the file has it, or a subscription reads it.", [name], async (admin, parsed, isJson) =>
        {
            await admin.CallAsync(HttpMethod.Delete, AdminVerb.Path("topics", parsed.GetRequiredValue(name)));
            Console.Out.WriteLine(isJson ? "{}" : $"topic {parsed.GetRequiredValue(name)} is deleted");
        });
    }
}
