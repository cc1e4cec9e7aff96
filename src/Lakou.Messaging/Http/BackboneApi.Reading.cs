using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Http;

/// <summary>What readers of a log, or of a topic itself, ask for.</summary>
internal sealed partial class BackboneApi
{
    private const string EventStream = "text/event-stream";
    private const int ReadMost = 100;

    // What keeps proxies from cutting a stream on which nothing happens: mostly they wait 60 s.
    private static readonly TimeSpan StreamComment = TimeSpan.FromSeconds(15);

    public async Task<Fault?> ReadTopicAsync(ApiCall call)
    {
        if (backbone.FindTopic(call.Name, out var topic) is { } unknown)
        {
            return unknown;
        }

        var request = new ApiRequest();
        var fault = request.Read(call.Context.Request.Query) ?? request.CheckMax(Backbone.ReceiveMost);
        ulong[] positions = [];
        fault ??= PlacesOf(call.Context.Request, topic, () => backbone.PositionsOf(topic, StartOptions.Earliest), out positions);
        return fault ?? (IsStream(call.Context.Request)
            ? await StreamAsync(call, topic, positions, null)
            : await ReadAsync(call, topic, positions, null, request));
    }

    public async Task<Fault?> ReceiveAnyAsync(ApiCall call)
    {
        if (backbone.FindLog(call.Name, out var log) is not null)
        {
            return await ReceiveAsync(call); // a queue, or nothing
        }

        var (request, fault) = await ReadRequestAsync(call, ["max", "wait"]);
        fault ??= request.Read(call.Context.Request.Query) ?? request.CheckMax(Backbone.ReceiveMost) ?? Paused(log);
        return fault ?? await ReadAsync(call, log.Topic, Begin(log), log.Plan.Filter, request);
    }

    public async Task<Fault?> StreamLogAsync(ApiCall call)
    {
        var fault = backbone.FindLog(call.Name, out var log);
        fault ??= Paused(log);
        ulong[] positions = [];
        fault ??= PlacesOf(call.Context.Request, log.Topic, () => Begin(log), out positions);
        return fault ?? await StreamAsync(call, log.Topic, positions, log.Plan.Filter);
    }

    /// <summary><c>{"positions": {"0": 17, "3": 4}}</c></summary>
    public async Task<Fault?> CommitAsync(ApiCall call)
    {
        var fault = backbone.FindLog(call.Name, out var log);
        var (text, malformed) = await ReadTextAsync(call);
        ulong[] positions = [];
        fault ??= malformed;
        fault ??= TryParse(text, ["positions"], root => ReadPositions(root.GetProperty("positions"), log.Topic, Begin(log), out positions));
        fault ??= Beyond(log, positions);
        fault ??= await backbone.ChangeAsync(() => log.Commit(positions, isSeek: false), call.Left);
        return fault ?? await AnswerAsync(call, new PositionsView(PositionsOf(positions)));
    }

    /// <summary><c>{"to": "earliest"}</c>, <c>{"to": {"offset": 17}}</c>, <c>{"to": {"time": "…"}}</c>, <c>{"positions": {"0": 17}}</c></summary>
    public async Task<Fault?> SeekAsync(ApiCall call)
    {
        var isQueue = backbone.FindQueue(call.Name, out var queue) is null;
        var fault = isQueue ? null : backbone.FindLog(call.Name, out _);
        if (fault is not null)
        {
            return fault;
        }

        backbone.FindLog(call.Name, out var log);
        var topic = isQueue ? queue.Topic : log.Topic;
        var (text, malformed) = await ReadTextAsync(call);
        ulong[] positions = [];
        fault = malformed ?? TryParse(text, ["to", "positions"], root => root.TryGetProperty("positions", out var written)
            ? ReadPositions(written, topic, isQueue ? [.. queue.State.Queue.Considered.Select(considered => considered.Floor)] : Begin(log), out positions)
            : ReadStart(root.GetProperty("to"), topic, out positions));
        fault ??= await backbone.ChangeAsync(
            () =>
            {
                if (isQueue)
                {
                    queue.Seek(positions);
                }
                else
                {
                    log.Commit(positions, isSeek: true);
                }
            },
            call.Left);
        return fault ?? await AnswerAsync(call, new PositionsView(PositionsOf(positions)));
    }

    private static bool IsStream(HttpRequest request) => request.Headers.Accept.ToString().Contains(EventStream, StringComparison.OrdinalIgnoreCase);

    private static Fault? Paused(LogRuntime log) => log.IsPaused ? BackboneFaults.Paused.With($"subscription '{log.State.Name}' is paused; resume it") : null;

    /// <summary>Where a log's reader is; what retention took is behind it.</summary>
    private ulong[] Begin(LogRuntime log)
    {
        lock (backbone.Store.Gate)
        {
            var positions = (ulong[])log.State.Committed.Clone();
            for (var partition = 0; partition < positions.Length; partition++)
            {
                positions[partition] = Math.Max(positions[partition], log.State.Topic.Partitions[partition].Start);
            }

            return positions;
        }
    }

    private Fault? Beyond(LogRuntime log, ulong[] positions)
    {
        lock (backbone.Store.Gate)
        {
            for (var partition = 0; partition < positions.Length; partition++)
            {
                if (positions[partition] > log.State.Topic.Partitions[partition].End)
                {
                    return BackboneFaults.BadRequest.With($"positions: {positions[partition]} of partition {partition} is beyond its end, {log.State.Topic.Partitions[partition].End}");
                }
            }

            return null;
        }
    }

    private async Task<Fault?> ReadAsync(ApiCall call, TopicRuntime topic, ulong[] positions, EventFilter? filter, ApiRequest request)
    {
        var wait = request.Wait < Backbone.LongestWait ? request.Wait.Value : request.Wait is null ? TimeSpan.Zero : Backbone.LongestWait;
        var answer = new ArrayBufferWriter<byte>(4096);
        answer.Write("{\"events\":["u8);
        var begun = answer.WrittenCount;
        var (_, fault) = await backbone.ReadAsync(topic, positions, filter, request.Max ?? ReadMost, wait, Take, call.Left);
        if (fault is not null)
        {
            return fault;
        }

        answer.Write("],\"positions\":"u8);
        answer.Write(JsonSerializer.SerializeToUtf8Bytes(PositionsOf(positions), s_views));
        answer.Write("}"u8);
        await ApiJson.AnswerAsync(call, StatusCodes.Status200OK, answer.WrittenMemory);
        return null;

        void Take(int partition, ReadOnlyMemory<byte> frame)
        {
            if (answer.WrittenCount > begun)
            {
                answer.Write(","u8);
            }

            var read = new EventFrame(frame.Span);
            answer.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"partition\":{partition},\"offset\":{read.Offset},\"event\":")));
            EventWriter.WriteStructured(read, answer);
            answer.Write("}"u8);
        }
    }

    /// <summary>Server-sent events (HTML living standard §9.2). The id of each says where all partitions are, so a client that comes back goes on exactly there.</summary>
    private async Task<Fault?> StreamAsync(ApiCall call, TopicRuntime topic, ulong[] positions, EventFilter? filter)
    {
        var response = call.Context.Response;
        response.ContentType = EventStream;
        response.Headers.CacheControl = "no-cache";
        var output = new ArrayBufferWriter<byte>(4096);
        output.Write(": lakou\n\n"u8);
        var said = new ulong[positions.Length];
        while (true)
        {
            call.Counts?.BytesOut += output.WrittenCount;
            await response.BodyWriter.WriteAsync(output.WrittenMemory, call.Left);
            output.ResetWrittenCount();
            positions.CopyTo(said, 0);
            var (count, fault) = await backbone.ReadAsync(topic, positions, filter, ReadMost, StreamComment, Take, call.Left);
            if (call.Left.IsCancellationRequested || (backbone.Stopping.IsCancellationRequested && count == 0))
            {
                return null;
            }

            if (fault is not null)
            {
                output.Write(Encoding.UTF8.GetBytes($"event: lost\ndata: {JsonSerializer.Serialize(fault.Detail, s_views)}\nid: {IdOf(positions)}\n\n"));
            }
            else if (count == 0)
            {
                output.Write(": \n\n"u8);
            }
        }

        void Take(int partition, ReadOnlyMemory<byte> frame)
        {
            var read = new EventFrame(frame.Span);
            said[partition] = read.Offset + 1;
            output.Write(Encoding.ASCII.GetBytes($"id: {IdOf(said)}\ndata: "));
            var from = output.WrittenCount;
            EventWriter.WriteStructured(read, output);
            if (output.WrittenSpan[from..].ContainsAny((byte)'\r', (byte)'\n'))
            {
                Fold(output, from);
            }

            output.Write("\n\n"u8);
        }
    }

    /// <summary>JSON that came with line breaks: a line each of the event, which a client joins again.</summary>
    private static void Fold(ArrayBufferWriter<byte> output, int from)
    {
        var text = output.WrittenSpan[from..].ToArray();
        var head = output.WrittenSpan[..from].ToArray();
        output.ResetWrittenCount();
        output.Write(head);
        foreach (var part in text)
        {
            if (part == '\n')
            {
                output.Write("\ndata: "u8);
            }
            else if (part != '\r')
            {
                output.Write([part]);
            }
        }
    }

    private static string IdOf(ReadOnlySpan<ulong> positions)
    {
        var id = new StringBuilder();
        foreach (var position in positions)
        {
            id.Append(id.Length > 0 ? "." : "").Append(position.ToString(CultureInfo.InvariantCulture));
        }

        return id.ToString();
    }

    /// <summary><c>Last-Event-ID</c>, <c>?partition=0&amp;offset=17</c>, <c>?from=earliest</c>, in this order; else the default.</summary>
    private Fault? PlacesOf(HttpRequest request, TopicRuntime topic, Func<ulong[]> otherwise, out ulong[] positions)
    {
        var count = topic.State.Partitions.Length;
        positions = [];
        if (request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last)
        {
            var parts = last.Split('.');
            positions = new ulong[count];
            for (var partition = 0; partition < count; partition++)
            {
                if (parts.Length != count || !ulong.TryParse(parts[partition], NumberStyles.None, CultureInfo.InvariantCulture, out positions[partition]))
                {
                    return BackboneFaults.BadRequest.With($"Last-Event-ID: '{(last.Length > 64 ? last[..64] + "…" : last)}' is none of this topic, which has {count} partitions");
                }
            }

            return null;
        }

        var query = request.Query;
        if (query["offset"].ToString() is { Length: > 0 } offset)
        {
            // One partition alone: the others stand at their end.
            if (!ulong.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var first) || first >> 48 != 0
                || !int.TryParse(query["partition"].ToString() is { Length: > 0 } written ? written : "0", NumberStyles.None, CultureInfo.InvariantCulture, out var partition) || partition >= count)
            {
                return BackboneFaults.BadRequest.With($"offset and partition: whole numbers; partitions are 0 to {count - 1}");
            }

            positions = backbone.PositionsOf(topic, StartOptions.Latest);
            positions[partition] = first;
            return null;
        }

        if (query["from"].ToString() is { Length: > 0 } from)
        {
            var start = from switch
            {
                "earliest" => StartOptions.Earliest,
                "latest" => StartOptions.Latest,
                _ => StartOptions.TryParseTime(from, out var time) ? new StartOptions(StartKind.Time) { Time = time } : null,
            };
            if (start is null)
            {
                return BackboneFaults.BadRequest.With($"from: '{from}' is not earliest, latest or a time such as 2026-01-31T12:00:00Z");
            }

            positions = backbone.PositionsOf(topic, start);
            return null;
        }

        positions = otherwise();
        return null;
    }

    private static Fault? TryParse(string text, string[] allowed, Func<JsonElement, Fault?> read)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 4, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.EnumerateObject().Select(property => property.Name).ToArray() is [var only] && allowed.Contains(only, StringComparer.Ordinal)
                ? read(document.RootElement)
                : BackboneFaults.BadRequest.With($"the body is not an object with {string.Join(" or ", allowed.Select(name => $"\"{name}\""))}");
        }
        catch (JsonException e)
        {
            return BackboneFaults.BadRequest.With($"the body is no JSON, at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
        }
    }

    private static Fault? ReadPositions(JsonElement written, TopicRuntime topic, ulong[] others, out ulong[] positions)
    {
        positions = others;
        if (written.ValueKind != JsonValueKind.Object)
        {
            return BackboneFaults.BadRequest.With("positions is not an object such as {\"0\": 17}");
        }

        foreach (var property in written.EnumerateObject())
        {
            if (!int.TryParse(property.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var partition) || partition >= topic.State.Partitions.Length)
            {
                return BackboneFaults.BadRequest.With($"positions: there is no partition '{property.Name}'; 0 to {topic.State.Partitions.Length - 1}");
            }

            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetUInt64(out var offset) || offset >> 48 != 0)
            {
                return BackboneFaults.BadRequest.With($"positions: {property.Value.GetRawText()} of partition {partition} is not an offset, a whole number from 0");
            }

            positions[partition] = offset;
        }

        return null;
    }

    private Fault? ReadStart(JsonElement written, TopicRuntime topic, out ulong[] positions)
    {
        positions = [];
        var problems = new Problems();
        var document = ConfigDocument.Parse("body", written.GetRawText(), ReferenceSource.None, problems);
        if (document.Root is null || !StartOptions.Shape.ReadUsable(document.Root, problems, out var start) || problems.Any)
        {
            return BackboneFaults.BadRequest.With($"to: {(problems.All.Count > 0 ? problems.All[0].Message : "not a place")}");
        }

        positions = backbone.PositionsOf(topic, start);
        return null;
    }
}
