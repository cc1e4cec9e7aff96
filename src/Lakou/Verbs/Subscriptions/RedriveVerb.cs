using System.CommandLine;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions redrive NAME</c></summary>
internal static class RedriveVerb
{
    // One request holds the store for as long as it takes to record so many.
    private const int Page = 1_000;

    private static readonly TimeSpan s_pace = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var name = AdminVerb.Name("subscription");
        var filter = AdminVerb.Filter("Only events whose attribute has this value, or begins so: `type=order.*`.");
        var to = new Option<string>("--to") { Description = "`front`: where they were; `end`: behind what was accepted since.", HelpName = "front|end", DefaultValueFactory = _ => "front" };
        to.AcceptOnlyFromAmong("front", "end");
        var rate = new Option<int?>("--rate") { Description = "At most so many a second.", HelpName = "COUNT" };
        rate.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1)
            {
                result.AddError("--rate: a whole number from 1");
            }
        });
        return AdminVerb.Create("redrive", "Brings dead events back, until all are back that were dead when it began.", [name, filter, to, rate], async (admin, parsed, isJson) =>
        {
            var path = AdminVerb.Path(SubscriptionsVerb.Noun, parsed.GetRequiredValue(name), "/dead/redrive");
            var request = new JsonObject { ["to"] = parsed.GetRequiredValue(to) };
            if (AdminVerb.FilterOf(parsed.GetValue(filter)) is { } chosen)
            {
                request["filter"] = chosen;
            }

            var done = await RunAsync(admin, path, request, parsed.GetValue(rate) ?? Page, parsed.GetValue(rate) is null ? TimeSpan.Zero : s_pace);
            Console.Out.WriteLine(isJson ? new JsonObject { ["done"] = done }.ToJsonString() : $"{done} event{(done == 1 ? "" : "s")} redriven");
        });
    }

    private static async Task<long> RunAsync(Admin admin, string path, JsonObject request, int most, TimeSpan pace)
    {
        var progress = new Progress("events redriven");
        var (done, total) = (0L, long.MaxValue);
        try
        {
            while (true)
            {
                // The oldest go first, so what dies again meanwhile is not among those that were there.
                request["max"] = Math.Min(most, total - done);
                var answer = await admin.CallAsync(HttpMethod.Post, path, request.DeepClone());
                var (some, left) = (answer!["done"]!.GetValue<long>(), answer["left"]!.GetValue<long>());
                done += some;
                total = Math.Min(total, done + left);
                progress.Show(done, total - done);
                if (some == 0 || done >= total)
                {
                    return done;
                }

                await Task.Delay(pace, TimeProvider.System);
            }
        }
        catch (AdminException e)
        {
            throw new AdminException($"{e.Message}; {done} events were redriven before");
        }
        finally
        {
            progress.End();
        }
    }
}
