using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Subscriptions;

/// <summary><c>lakou subscriptions redrive NAME</c></summary>
internal static class RedriveVerb
{
    // One request records so many.
    private const int Page = 1_000;

    // Lakou goes on once a second.
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(500);

    public static Command Create()
    {
        var name = AdminVerb.Name("subscription");
        var filter = AdminVerb.Filter("Only events whose attribute has this value, or begins so: `type=order.*`.");
        var to = new Option<string>("--to") { Description = "`front`: where they were; `end`: behind what was accepted since.", HelpName = "front|end", DefaultValueFactory = _ => "front" };
        to.AcceptOnlyFromAmong("front", "end");
        var rate = new Option<int?>("--rate") { Description = "At most so many a second. Lakou does it by itself, the command follows: Ctrl-C ends the command alone.", HelpName = "COUNT" };
        rate.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1)
            {
                result.AddError("--rate: a whole number from 1");
            }
        });
        var stop = new Option<bool>("--stop") { Description = "Stops a redrive that was begun with --rate: what is left stays dead." };
        var command = AdminVerb.Create("redrive", "Brings dead events back, until all are back that were dead when it began.", [name, filter, to, rate, stop], async (admin, parsed, isJson) =>
        {
            var path = AdminVerb.Path(SubscriptionsVerb.Noun, parsed.GetRequiredValue(name));
            var request = new JsonObject { ["to"] = parsed.GetRequiredValue(to) };
            if (AdminVerb.FilterOf(parsed.GetValue(filter)) is { } chosen)
            {
                request["filter"] = chosen;
            }

            var redrive = new Redrive(admin, path, isJson);
            await (parsed.GetValue(stop) ? redrive.StopAsync() : parsed.GetValue(rate) is { } pace ? redrive.FollowAsync(request, pace) : redrive.RunAsync(request));
        });
        command.Validators.Add(result =>
        {
            Option[] others = [filter, to, rate];
            if (result.GetValue(stop) && others.Any(other => result.GetResult(other) is { Implicit: false }))
            {
                result.AddError("--stop goes neither with --filter nor with --to nor with --rate");
            }
        });
        return command;
    }

    private sealed class Redrive(Admin admin, string path, bool isJson)
    {
        private readonly Progress _progress = new("events redriven");
        private (long Done, long Left)? _shown;

        /// <summary>As quick as it goes, a page after the other.</summary>
        public Task RunAsync(JsonObject request) => WatchAsync(async () =>
        {
            var (done, left) = (0L, long.MaxValue);
            while (left > 0)
            {
                // The oldest go first, so what dies again meanwhile is not among those that were there.
                request["max"] = Math.Min(Page, left);
                var answer = await admin.CallAsync(HttpMethod.Post, $"{path}/dead/redrive", request.DeepClone());
                var some = Number(answer, "done");
                done += some;
                left = some == 0 ? 0 : Math.Min(left - some, Number(answer, "left"));
                Show(done, left);
            }
        });

        /// <summary>Begins one in Lakou, and looks how far it is.</summary>
        public Task FollowAsync(JsonObject request, int rate) => WatchAsync(async () =>
        {
            request["rate"] = rate;
            var answer = await admin.CallAsync(HttpMethod.Post, $"{path}/dead/redrive", request);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Leave());
            Show(0, Number(answer, "left"));
            while (true)
            {
                var redrive = (await admin.CallAsync(HttpMethod.Get, path))?["redrive"];
                if ((string?)redrive?["began"] != (string?)answer!["began"])
                {
                    throw new AdminException("the redrive goes on no more: another took its place, or Lakou was started anew");
                }

                Show(Number(redrive, "moved"), Number(redrive, "left"));
                switch ((string?)redrive!["state"])
                {
                    case "done":
                        return;
                    case "stopped":
                        throw new AdminException("the redrive was stopped");
                }

                await Task.Delay(s_look, TimeProvider.System);
            }
        });

        public async Task StopAsync()
        {
            var redrive = (await admin.CallAsync(HttpMethod.Delete, $"{path}/dead/redrive"))?["redrive"];
            if (isJson)
            {
                AdminVerb.PrintJson(redrive);
                return;
            }

            Console.Out.WriteLine(redrive is null ? "there is no redrive to stop" : $"the redrive is {redrive["state"]}: {redrive["moved"]} events redriven, {redrive["left"]} left");
        }

        private async Task WatchAsync(Func<Task> work)
        {
            try
            {
                await work();
            }
            catch (AdminException e) when (_shown is { } before)
            {
                throw new AdminException($"{e.Message}; {before.Done} events were redriven before, what is left is dead still");
            }
            finally
            {
                _progress.End();
            }

            if (!isJson)
            {
                var done = _shown!.Value.Done;
                Console.Out.WriteLine($"{done} event{(done == 1 ? "" : "s")} redriven");
            }
        }

        private void Show(long done, long left)
        {
            var isNews = _shown != (done, left);
            _shown = (done, left);
            _progress.Show(done, left);
            if (isJson && isNews)
            {
                Console.Out.WriteLine(new JsonObject { ["done"] = done, ["left"] = left }.ToJsonString());
            }
        }

        /// <summary>Said as the process ends.</summary>
        private void Leave()
        {
            _progress.End();
            Console.Error.WriteLine($"lakou: the redrive goes on by itself{(_shown is { } shown ? $", {shown.Left} left" : "")}; --stop ends it");
        }

        private static long Number(JsonNode? of, string name) => of![name]!.GetValue<long>();
    }
}
