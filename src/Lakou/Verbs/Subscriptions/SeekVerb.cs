using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions seek NAME --to PLACE</c></summary>
internal static class SeekVerb
{
    public static Command Create()
    {
        var name = AdminVerb.Name("subscription");
        var to = new Option<string>("--to") { Description = "`earliest`, `latest`, an offset, or a time (RFC 3339).", HelpName = "PLACE", Required = true };
        var partition = new Option<int?>("--partition") { Description = "With an offset: this partition alone.", HelpName = "NUMBER" };
        var command = AdminVerb.Create("seek", "Begins elsewhere: what is behind that place counts as finished, what is before it comes (again). Leases end; dead events stay.", [name, to, partition], async (admin, parsed, isJson) =>
        {
            var place = parsed.GetRequiredValue(to);
            var request = parsed.GetValue(partition) is { } one
                ? new JsonObject { ["positions"] = new JsonObject { [one.ToString(CultureInfo.InvariantCulture)] = ulong.Parse(place, CultureInfo.InvariantCulture) } }
                : new JsonObject { ["to"] = PlaceOf(place) };
            var answer = await admin.CallAsync(HttpMethod.Post, AdminVerb.Path(SubscriptionsVerb.Noun, parsed.GetRequiredValue(name), "/seek"), request);
            if (isJson)
            {
                AdminVerb.PrintJson(answer);
                return;
            }

            Table.Print(Console.Out, ["PARTITION#", "OFFSET#"], answer!["positions"]!.AsObject().Select(position => new[] { position.Key, $"{position.Value}" }));
        });
        command.Validators.Add(result =>
        {
            if (result.GetResult(partition) is not null && result.GetResult(to) is not null && !ulong.TryParse(result.GetValue(to), NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                result.AddError($"--partition goes with an offset, not with --to {result.GetValue(to)}");
            }
        });
        return command;
    }

    /// <summary>As the API and the file have it.</summary>
    public static JsonNode PlaceOf(string place) => place switch
    {
        "earliest" or "latest" => place,
        _ when ulong.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out var offset) => new JsonObject { ["offset"] = offset },
        _ => new JsonObject { ["time"] = place },
    };
}
