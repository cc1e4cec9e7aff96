using System.Text.Json.Nodes;

namespace Lakou.Messaging.Http;

/// <summary>What a verb takes beside the name in its path; for its description.</summary>
/// <param name="Bodies">By media type; none for no body.</param>
/// <param name="IsBodyRequired">False where an empty one means something.</param>
internal sealed record ApiInput(IReadOnlyList<ApiQuery> Query, IReadOnlyList<ApiBody> Bodies, bool IsBodyRequired = true)
{
    private const string Duration = """{"type":["string","number"],"description":"`30s`, or seconds"}""";
    private const string Text = """{"type":"string"}""";
    private const string Count = """{"type":"integer","minimum":1}""";
    private const string Leases = """{"type":"array","minItems":1,"maxItems":10000,"items":{"type":"string"},"description":"As `receive` gave them."}""";
    private const string Positions = """{"type":"object","additionalProperties":{"type":"integer","minimum":0},"description":"The next offset to read, by partition."}""";
    private const string Filter = """{"type":"object","description":"By attribute: a value, the beginning of one with `*` at its end, or a list of these."}""";
    private const string Places = """{"type":"array","minItems":1,"items":{"type":"string"},"description":"`place` of each, as the list of dead events has it."}""";
    private const string CloudEvent = """{"type":"object","description":"A CloudEvent 1.0 in structured form.","required":["specversion","id","source","type"],"properties":{"specversion":{"const":"1.0"},"id":{"type":"string"},"source":{"type":"string"},"type":{"type":"string"},"subject":{"type":"string"},"time":{"type":"string","format":"date-time"},"datacontenttype":{"type":"string"},"dataschema":{"type":"string"},"data":{},"data_base64":{"type":"string"}},"additionalProperties":{"type":["string","integer","boolean"]}}""";
    private const string Event = """{"specversion":"1.0","id":"4711-1","source":"/shop","type":"order.placed","subject":"4711","data":{"total":7}}""";

    private static readonly ApiQuery s_max = new("max", """{"type":"integer","minimum":1,"maximum":1000}""", "Most events.", "100");
    private static readonly ApiQuery s_wait = new("wait", Duration, "How long to wait for the first event, at most 50s; without it not at all.", "\"20s\"");
    private static readonly ApiQuery s_after = new("after", Text, "`place` of the last event of the page before.", "\"3-17\"");
    private static readonly ApiInput s_none = new([], []);
    private static readonly ApiInput s_page = new([s_max, s_after], []);

    private static readonly Dictionary<string, ApiInput> s_all = new(StringComparer.Ordinal)
    {
        ["publishEvents"] = new(
            [new("in", Duration, "Holds the events for so long, at most a year.", "\"10m\""), new("at", """{"type":"string","format":"date-time"}""", "Holds the events until then.", "\"2026-01-31T12:00:00Z\"")],
            [
                new("application/cloudevents+json", CloudEvent, Event),
                new("application/cloudevents-batch+json", $$"""{"type":"array","description":"Events, all accepted or none.","items":{{CloudEvent}}}""", $"[{Event}]"),
                new("application/json", """{"description":"The data of one event, whose attributes are the `ce-` header fields; without them they are made here."}""", """{"total":7}"""),
                new("*/*", """{"type":"string","description":"The data of one event, of any media type."}""", "\"paid\""),
            ],
            IsBodyRequired: false),
        ["readEvents"] = new(
            [
                new("from", Text, "`earliest`, `latest`, or a time.", "\"earliest\""),
                new("partition", """{"type":"integer","minimum":0}""", "With `offset`: of which partition; 0 without it.", "0"),
                new("offset", """{"type":"integer","minimum":0}""", "The first to read of one partition; the others begin at their end.", "17"),
                s_max,
                s_wait,
            ],
            []),
        ["putTopic"] = Json("""{"type":"object","description":"Options of a topic, as in the file."}""", """{"partitions":8,"key":"subject","retention":"7d"}""", isRequired: false),
        ["receiveEvents"] = Json($$"""{"type":"object","properties":{"max":{{Count}},"wait":{{Duration}} } }""", """{"max":10,"wait":"20s"}""", isRequired: false) with { Query = [s_max, s_wait] },
        ["acknowledgeEvents"] = Json($$"""{"type":"object","required":["leases"],"properties":{"leases":{{Leases}} } }""", """{"leases":["3-1f-2a"]}"""),
        ["refuseEvents"] = Json($$"""{"type":"object","required":["leases"],"properties":{"leases":{{Leases}},"delay":{{Duration}},"reason":{{Text}} } }""", """{"leases":["3-1f-2a"],"reason":"the bank is closed","delay":"5m"}"""),
        ["extendLeases"] = Json($$"""{"type":"object","required":["leases"],"properties":{"leases":{{Leases}},"by":{{Duration}} } }""", """{"leases":["3-1f-2a"],"by":"1m"}"""),
        ["commitOffsets"] = Json($$"""{"type":"object","required":["positions"],"properties":{"positions":{{Positions}} } }""", """{"positions":{"0":17,"1":4}}"""),
        ["putSubscription"] = Json("""{"type":"object","required":["topic"],"description":"Options of a subscription, as in the file."}""", """{"topic":"orders","order":"key","lease":"1m"}"""),
        ["seekSubscription"] = Json(
            $$"""{"type":"object","description":"One of the two.","properties":{"to":{"description":"`earliest`, `latest`, `{\"offset\":17}` or `{\"time\":\"…\"}`."},"positions":{{Positions}} } }""", """{"to":"earliest"}"""),
        ["listDead"] = s_page,
        ["listAttempts"] = s_page,
        ["redriveDead"] = Json(
            $$"""{"type":"object","properties":{"filter":{{Filter}},"places":{{Places}},"max":{{Count}},"rate":{"type":"integer","minimum":1,"description":"So many a second, until all are back; in place of `max`."},"to":{"enum":["front","end"]} } }""",
            """{"filter":{"type":"order.*"},"to":"front","rate":50}""",
            isRequired: false),
        ["dropDead"] = Json($$"""{"type":"object","properties":{"filter":{{Filter}},"places":{{Places}},"max":{{Count}} } }""", """{"places":["3-17"]}""", isRequired: false),
    };

    public static ApiInput Of(ApiVerb verb) => s_all.GetValueOrDefault(verb.Id, s_none);

    /// <summary>JSON schema of a CloudEvent.</summary>
    public static JsonNode EventSchema() => JsonNode.Parse(CloudEvent)!;

    public static JsonNode EventExample() => JsonNode.Parse(Event)!;

    private static ApiInput Json(string schema, string example, bool isRequired = true) => new([], [new(ApiJson.ContentType, schema, example)], isRequired);
}

/// <summary>One parameter of a query.</summary>
/// <param name="Schema">JSON schema.</param>
/// <param name="Example">As JSON.</param>
internal sealed record ApiQuery(string Name, string Schema, string Description, string Example);

/// <summary>A body of one media type.</summary>
/// <param name="Schema">JSON schema.</param>
/// <param name="Example">As JSON.</param>
internal sealed record ApiBody(string ContentType, string Schema, string Example);
