using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Topics;

/// <summary><c>lakou topics tail NAME</c></summary>
internal static class TailVerb
{
    // A Lakou that restarts is back within a second or two.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var name = AdminVerb.Name("topic");
        var from = new Option<string>("--from") { Description = "Where to begin: `earliest`, `latest`, or a time (RFC 3339).", HelpName = "PLACE", DefaultValueFactory = _ => "latest" };
        var partition = new Option<int?>("--partition") { Description = "With `--offset`: the partition; 0 without it. The others begin at their end.", HelpName = "NUMBER" };
        var offset = new Option<long?>("--offset") { Description = "Where to begin in one partition.", HelpName = "NUMBER" };
        var max = new Option<long?>("--max") { Description = "Ends after so many events.", HelpName = "COUNT" };
        var command = AdminVerb.Create("tail", "Prints events of a topic as they come, until Ctrl-C; goes on where it was when Lakou comes back.", [name, from, partition, offset, max], (admin, parsed, isJson) =>
        {
            var start = parsed.GetValue(offset) is { } first
                ? string.Create(CultureInfo.InvariantCulture, $"partition={parsed.GetValue(partition) ?? 0}&offset={first}")
                : $"from={Uri.EscapeDataString(parsed.GetRequiredValue(from))}";
            return new Tail(admin, $"{AdminVerb.Path("topics", parsed.GetRequiredValue(name), "/events")}?{start}", isJson, parsed.GetValue(max)).RunAsync();
        });
        command.Validators.Add(result =>
        {
            if (result.GetResult(partition) is not null && result.GetResult(offset) is null)
            {
                result.AddError("--partition says nothing without --offset");
            }
        });
        return command;
    }

    /// <summary>Server-sent events (HTML living standard §9.2), as far as Lakou writes them.</summary>
    private sealed class Tail(Admin admin, string path, bool isJson, long? max)
    {
        private long _shown;
        private string? _lastId;

        public async Task RunAsync()
        {
            var response = await OpenAsync(); // what is wrong from the beginning is no reason to wait
            while (true)
            {
                using (response)
                {
                    if (!await ShowAsync(response))
                    {
                        return;
                    }
                }

                await Console.Error.WriteLineAsync("lakou: the stream ended; it goes on when Lakou is back");
                response = await ReopenAsync();
            }
        }

        private Task<HttpResponseMessage> OpenAsync()
        {
            var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Accept.ParseAdd("text/event-stream");
            if (_lastId is not null)
            {
                request.Headers.Add("Last-Event-ID", _lastId);
            }

            return admin.SendAsync(request, CancellationToken.None);
        }

        private async Task<HttpResponseMessage> ReopenAsync()
        {
            while (true)
            {
                await Task.Delay(s_pause, TimeProvider.System);
                try
                {
                    return await OpenAsync();
                }
                catch (AdminException e) when (e.Status is null or 503)
                {
                    // It is still away.
                }
            }
        }

        /// <returns>False when enough was shown.</returns>
        private async Task<bool> ShowAsync(HttpResponseMessage response)
        {
            try
            {
                using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
                var (kind, id, data) = ("", "", "");
                while (await reader.ReadLineAsync() is { } line)
                {
                    switch (line.Split(": ", 2))
                    {
                        case ["event", var value]:
                            kind = value;
                            break;
                        case ["id", var value]:
                            id = value;
                            break;
                        case ["data", var value]:
                            data = data.Length == 0 ? value : $"{data}\n{value}";
                            break;
                        case [""] when data.Length > 0:
                            _lastId = id;
                            Show(kind, data);
                            (kind, data) = ("", "");
                            break;
                    }

                    if (_shown == max)
                    {
                        return false;
                    }
                }
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                // It broke: as an end.
            }

            return true;
        }

        private void Show(string kind, string data)
        {
            if (kind == "lost")
            {
                Console.Error.WriteLine($"lakou: {data}");
                return;
            }

            var shown = JsonNode.Parse(data);
            Console.Out.WriteLine(isJson ? shown!.ToJsonString(EventText.Json) : $"{shown!["time"]}  {EventText.Of(shown)}");
            _shown++;
        }
    }
}
