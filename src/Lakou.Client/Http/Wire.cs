using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lakou.Client.Http;

/// <summary>What goes over the wire, as <c>GET /v1/openapi.json</c> describes it.</summary>
internal static class Wire
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static byte[] Write<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, s_json);

    /// <exception cref="LakouException">It is something else.</exception>
    public static T Read<T>(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(body, s_json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new LakouException($"the answer is not one of Lakou: {e.Message}", e) { Status = System.Net.HttpStatusCode.OK };
        }
    }

    /// <summary>A number of seconds, to the millisecond: never in the exponential form, which is no duration.</summary>
    public static double? Seconds(TimeSpan? time) => time is { } given ? Math.Round(given.TotalSeconds, 3) : null;
}

internal sealed record ReceiptsShape(IReadOnlyList<Receipt> Events);

internal sealed record ReceiveShape(int Max, double? Wait);

internal sealed record DeliveryShape(DateTimeOffset? Now, DateTimeOffset? Deadline, IReadOnlyList<DeliveredShape> Events, SortedDictionary<int, long>? Positions);

internal sealed record DeliveredShape(string? Lease, int? Attempt, int Partition, long Offset, JsonElement Event);

internal sealed record SettleShape(IReadOnlyList<string> Leases, double? Delay = null, string? Reason = null);

internal sealed record SettledShape(int Done, IReadOnlyList<string> Gone);

internal sealed record PositionsShape(IReadOnlyDictionary<int, long> Positions);
