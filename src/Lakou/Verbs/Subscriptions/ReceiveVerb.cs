using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions receive NAME [--ack]</c></summary>
internal static class ReceiveVerb
{
    public static Command Create()
    {
        var name = AdminVerb.Name("subscription");
        var max = new Option<int>("--max") { Description = "Most events, 1 to 1000.", HelpName = "COUNT", DefaultValueFactory = _ => 1 };
        var wait = Inputs.Duration("--wait", "How long to wait for the first; at most 50s.");
        var ack = new Option<bool>("--ack") { Description = "Finishes them once they are printed; of a log, commits. Without it a queue gives them out again when the lease is over." };
        return AdminVerb.Create("receive", "Receives events: of a queue leases them, of a log reads them.", [name, max, wait, ack], async (admin, parsed, isJson) =>
        {
            var subscription = parsed.GetRequiredValue(name);
            var request = new JsonObject { ["max"] = parsed.GetValue(max) };
            if (parsed.GetValue(wait) is { } time)
            {
                request["wait"] = Math.Round(time.TotalSeconds, 3);
            }

            var answer = await admin.CallAsync(HttpMethod.Post, AdminVerb.Path(SubscriptionsVerb.Noun, subscription, "/receive"), request, parsed.GetValue(wait) ?? TimeSpan.Zero);
            foreach (var one in answer!["events"]!.AsArray())
            {
                Console.Out.WriteLine(isJson ? one!.ToJsonString(EventText.Json) : Line(one!));
            }

            // Only what was printed.
            await Console.Out.FlushAsync();
            if (parsed.GetValue(ack) && answer["events"]!.AsArray().Count > 0)
            {
                await FinishAsync(admin, subscription, answer);
            }
        });
    }

    private static string Line(JsonNode one)
    {
        var place = string.Create(CultureInfo.InvariantCulture, $"{one["partition"]}-{one["offset"]}");
        return one["lease"] is { } lease ? $"{lease}  attempt {one["attempt"]}  {EventText.Of(one["event"])}" : $"{place}  {EventText.Of(one["event"])}";
    }

    private static async Task FinishAsync(Admin admin, string subscription, JsonNode answer)
    {
        if (answer["positions"] is { } positions)
        {
            await admin.CallAsync(HttpMethod.Post, AdminVerb.Path(SubscriptionsVerb.Noun, subscription, "/commit"), new JsonObject { ["positions"] = positions.DeepClone() });
            return;
        }

        JsonArray leases = [.. answer["events"]!.AsArray().Select(one => one!["lease"]!.DeepClone())];
        var settled = await admin.CallAsync(HttpMethod.Post, AdminVerb.Path(SubscriptionsVerb.Noun, subscription, "/ack"), new JsonObject { ["leases"] = leases });
        if (settled!["gone"]!.AsArray() is { Count: > 0 } gone)
        {
            throw new AdminException($"{gone.Count} leases were over before they were acknowledged; those events come again");
        }
    }
}
