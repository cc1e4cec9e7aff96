using System.Buffers;
using System.Text.Json;

namespace Lakou.Core.Events;

/// <summary>
/// A receipt as clients read it, the same from a route and from the API:
/// <code>
/// {"topic":"orders","id":"…","partition":3,"offset":17}                         one event
/// {"topic":"orders","count":2,"events":[{"id":"…","partition":3,"offset":17},…]}  a batch
/// </code>
/// A duplicate has <c>"duplicate":true</c> besides; a delayed event has <c>"due"</c> (RFC 3339, UTC), and no place yet.
/// </summary>
public static class EventReceiptJson
{
    public const string ContentType = "application/json";

    [ThreadStatic]
    private static Utf8JsonWriter? s_json;

    /// <param name="receipt">Without a fault.</param>
    public static void Write(string topic, EventReceipt receipt, IBufferWriter<byte> to)
    {
        var json = s_json ??= new(to);
        json.Reset(to);
        json.WriteStartObject();
        json.WriteString("topic"u8, topic);
        if (receipt.IsBatch)
        {
            json.WriteNumber("count"u8, receipt.Events.Count);
            json.WriteStartArray("events"u8);
            foreach (var accepted in receipt.Events)
            {
                json.WriteStartObject();
                Write(json, accepted);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
        else
        {
            Write(json, receipt.Events[0]);
        }

        json.WriteEndObject();
        json.Flush();
    }

    private static void Write(Utf8JsonWriter json, in AcceptedEvent accepted)
    {
        json.WriteString("id"u8, accepted.Id.Span);
        if (accepted.Offset is { } offset)
        {
            json.WriteNumber("partition"u8, accepted.Partition);
            json.WriteNumber("offset"u8, offset);
        }

        if (accepted.IsDuplicate)
        {
            json.WriteBoolean("duplicate"u8, true);
        }

        if (accepted.Due is { } due)
        {
            json.WriteString("due"u8, due.UtcDateTime);
        }
    }
}
