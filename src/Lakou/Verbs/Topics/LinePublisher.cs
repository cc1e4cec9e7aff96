using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Lakou.Verbs.Topics;

/// <summary>An event for each line, in batches: what was read while the batch before was under way goes together, so nothing waits for lines that do not come.</summary>
internal sealed class LinePublisher(Admin admin, string path, Func<ReadOnlyMemory<byte>, JsonObject> eventOf)
{
    private const int BatchLines = 500;
    private const int BatchBytes = 1 << 20; // an event may be as large; Lakou takes 8 MiB

    /// <returns>How many were accepted.</returns>
    /// <exception cref="AdminException">A batch was refused; it says how many were accepted before.</exception>
    public async Task<long> RunAsync(Stream from)
    {
        var lines = Channel.CreateBounded<string>(new BoundedChannelOptions(2 * BatchLines) { SingleReader = true, SingleWriter = true });
        var reading = ReadAsync(from, lines.Writer);
        var progress = new Progress("events");
        var count = 0L;
        try
        {
            while (await lines.Reader.WaitToReadAsync())
            {
                var (batch, events) = Take(lines.Reader);
                var body = new StringContent(batch, Encoding.UTF8, new MediaTypeHeaderValue("application/cloudevents-batch+json"));
                await admin.CallAsync(HttpMethod.Post, path, body);
                progress.Show(count += events);
            }
        }
        catch (AdminException e)
        {
            throw new AdminException($"{e.Message}; {count} events were accepted before");
        }
        finally
        {
            progress.End();
        }

        await reading;
        return count;
    }

    private static async Task ReadAsync(Stream from, ChannelWriter<string> to)
    {
        using var reader = new StreamReader(from, Encoding.UTF8);
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.Length > 0)
            {
                await to.WriteAsync(line);
            }
        }

        to.Complete();
    }

    private (string Batch, int Events) Take(ChannelReader<string> lines)
    {
        var batch = new StringBuilder();
        var count = 0;
        for (; count < BatchLines && batch.Length < BatchBytes && lines.TryRead(out var line); count++)
        {
            batch.Append(count == 0 ? '[' : ',').Append(eventOf(Encoding.UTF8.GetBytes(line)).ToJsonString(EventText.Json));
        }

        return (batch.Append(']').ToString(), count);
    }
}
