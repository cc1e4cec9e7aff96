using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions dead NAME</c></summary>
internal static class DeadVerb
{
    private const int Page = 500;

    public static Command Create()
    {
        var name = AdminVerb.Name("subscription");
        var max = new Option<int>("--max") { Description = "Most events.", HelpName = "COUNT", DefaultValueFactory = _ => 100 };
        return AdminVerb.Create("dead", "Lists events that a subscription gave up on, oldest first, with the reason of their last attempt.", [name, max], async (admin, parsed, isJson) =>
        {
            var (events, total) = await ReadAsync(admin, parsed.GetRequiredValue(name), parsed.GetValue(max));
            if (isJson)
            {
                events.ForEach(AdminVerb.PrintJson);
                return;
            }

            Table.Print(Console.Out, ["PLACE", "DIED", "ATTEMPTS#", "TYPE", "SUBJECT", "REASON"], events.Select(one => new[]
            {
                $"{one["place"]}",
                one["at"]!.GetValue<DateTimeOffset>().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                $"{one["attempt"]}",
                Table.Clip($"{one["event"]?["type"]}"),
                EventText.About(one["event"]),
                Table.Clip($"{one["attempts"]!.AsArray().LastOrDefault()?["reason"]}"),
            }));
            if (total > events.Count)
            {
                await Console.Error.WriteLineAsync($"lakou: {events.Count} of {total}; --max shows more");
            }
        });
    }

    private static async Task<(List<JsonNode> Events, int Total)> ReadAsync(Admin admin, string name, int max)
    {
        List<JsonNode> events = [];
        while (true)
        {
            var after = events.Count > 0 ? $"&after={events[^1]["place"]}" : "";
            var answer = await admin.CallAsync(HttpMethod.Get, AdminVerb.Path(SubscriptionsVerb.Noun, name, string.Create(CultureInfo.InvariantCulture, $"/dead?max={Math.Clamp(max - events.Count, 1, Page)}{after}")));
            var page = answer!["events"]!.AsArray();
            events.AddRange(page.Select(one => one!.DeepClone()));
            if (page.Count == 0 || events.Count >= max || events.Count >= answer["total"]!.GetValue<int>())
            {
                return (events, answer["total"]!.GetValue<int>());
            }
        }
    }
}
