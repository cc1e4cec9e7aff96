using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Events;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

/// <summary>Events made by the JSON library of the runtime, read, written in every mode, and read again.</summary>
public sealed class RoundTripTests
{
    private static readonly Gen<string> Text = Gen.Frequency(
        (6, Gen.Choose(0x20, 0x7e)), (2, Gen.Choose(0xa0, 0x7ff)), (1, Gen.Choose(0x800, 0xd7ff)), (1, Gen.Choose(0xe000, 0xfdcf)), (1, Gen.Choose(0x1_0000, 0x1_fffd)),
        (2, Gen.Elements("\"\\%/<>&'+".Select(c => (int)c))))
        .ArrayOf().Select(runes => string.Concat(runes.Select(rune => new Rune(rune).ToString())));

    private static readonly Gen<string> SomeText = Text.Where(text => text.Length > 0);

    private static readonly Gen<string> Name = Gen.Elements("abcxyz019".ToCharArray()).ArrayOf().Where(name => name.Length is > 0 and < 20).Select(name => "x" + new string(name));

    private static readonly Gen<(string Name, JsonNode? Value)> Extension =
        from name in Name
        from value in Gen.Frequency(
            (4, Text.Select(text => (JsonNode?)text)), (1, Gen.Choose(int.MinValue, int.MaxValue).Select(n => (JsonNode?)n)), (1, Gen.Elements(true, false).Select(b => (JsonNode?)b)))
        select (name, value);

    private static readonly Gen<(string? Type, string Member, JsonNode? Value)> Data = Gen.Frequency(
        (1, Gen.Constant(((string?)null, "", (JsonNode?)null))),
        (3, Gen.Elements((string?)null, "application/json", "text/json; charset=utf-8", "application/a+json").SelectMany(type => Json(3).Select(json => (type, "data", json)))),
        (2, Gen.Elements("text/plain", "text/html; charset=\"utf-8\"", "application/xml", "application/octet-stream").SelectMany(type => SomeText.Select(text => ((string?)type, "data", (JsonNode?)text)))),
        (2, Gen.Elements((string?)null, "image/png", "text/plain", "text/plain; charset=latin1").SelectMany(type => Gen.Choose(0, 255).NonEmptyListOf().Select(bytes =>
            (type, "data_base64", (JsonNode?)Convert.ToBase64String([.. bytes.Select(b => (byte)b)]))))));

    private static readonly Gen<JsonObject> Event =
        from id in SomeText
        from source in SomeText.Select(text => text.Replace(' ', '_'))
        from type in SomeText
        from subject in Gen.Frequency((1, Gen.Constant("")), (2, SomeText))
        from extensions in Extension.ListOf()
        from data in Data
        from order in Gen.Choose(0, int.MaxValue)
        select Shuffled(order, Members(id, source, type, subject, extensions, data));

    [Fact]
    public void What_came_as_JSON_goes_out_in_every_mode() => Prop.ForAll(Event.ToArbitrary(), json =>
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, Structured, Utf8(json.ToJsonString()))?.ToString());
        Modes.AssertSame(batch);

        var written = JsonNode.Parse(Modes.ToStructured(batch.FrameOf(batch.Events[0])))!.AsObject();
        Assert.True(Same(json, written), $"{json.ToJsonString()}\n{written.ToJsonString()}");
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void What_came_in_headers_goes_out_in_every_mode() => Prop.ForAll(Event.ToArbitrary(), json =>
    {
        using var first = new EventBatch();
        Assert.Null(Read(first, Structured, Utf8(json.ToJsonString()))?.ToString());
        var (contentType, headers, body) = Modes.ToBinary(first.FrameOf(first.Events[0]));
        using var batch = new EventBatch();
        Assert.Null(Read(batch, contentType, body, headers: headers)?.ToString());
        Modes.AssertSame(batch);
        Assert.Equal(first.Events[0].DedupHash, batch.Events[0].DedupHash);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Batches_go_out_whole() => Prop.ForAll(Event.ListOf().ToArbitrary(), events =>
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, Batch, Utf8($"[{string.Join(',', events.Select(e => e.ToJsonString()))}]"))?.ToString());
        Assert.Equal(events.Count, batch.Events.Length);
        Modes.AssertSame(batch);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Header_values_come_back_as_they_were() => Prop.ForAll(Text.ToArbitrary(), text =>
    {
        var header = HeaderText.Encode(Utf8(text));
        var room = new byte[header.Length];
        Assert.Null(HeaderText.Decode(header, room, out var length));
        Assert.Equal(text, Reading.Text(room.AsSpan(0, length)));
        Assert.DoesNotContain(header, c => c is < '!' or > '~' or '"');
    }).QuickCheckThrowOnFailure();

    /// <summary>Through buffers of any size, as escapes and base64 meet their ends.</summary>
    [Fact]
    public void Long_texts_and_bytes_are_written_piece_by_piece()
    {
        var random = new Random(3);
        for (var length = 0; length < 20_000; length += random.Next(1, 997))
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            var text = string.Concat(Enumerable.Range(0, length).Select(_ => new Rune(random.Next(4) switch { 0 => '"', 1 => '\n', 2 => 0x1_f600, _ => random.Next(0x20, 0x800) }).ToString()));
            var json = new NarrowWriter();
            JsonText.WriteString(Utf8(text), json);
            Assert.Equal(text, JsonSerializer.Deserialize<string>(json.Written.ToArray()));
            json = new NarrowWriter();
            JsonText.WriteBase64(bytes, json);
            Assert.Equal($"\"{Convert.ToBase64String(bytes)}\"", Reading.Text(json.Written.ToArray()));
        }
    }

    [Fact]
    public void An_event_is_written_as_the_specification_shows()
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, "application/json", Utf8("{ }"), headers: Headers(
            ("ce-specversion", "1.0"), ("ce-id", "A\"1"), ("ce-source", "/s"), ("ce-type", "t"), ("ce-subject", "%E2%82%AC \"x\""), ("ce-priority", "5"))));
        var frame = batch.FrameOf(batch.Events[0]);

        Assert.Equal("""{"specversion":"1.0","id":"A\"1","source":"/s","type":"t","datacontenttype":"application/json","subject":"€ \"x\"","priority":5,"data":{ }}""", Modes.ToStructured(frame));
        var (_, headers, body) = Modes.ToBinary(frame);
        Assert.Equal(
            ["Content-Type: application/json", "ce-id: A%221", "ce-priority: 5", "ce-source: /s", "ce-specversion: 1.0", "ce-subject: %E2%82%AC%20%22x%22", "ce-type: t"],
            headers.Select(header => $"{header.Key}: {header.Value}").Order(StringComparer.Ordinal));
        Assert.Equal("{ }", Reading.Text(body));
        Assert.Equal("[]", Modes.ToBatch([]));
    }

    private static Gen<JsonNode?> Json(int depth) => depth == 0
        ? Gen.OneOf(Text.Select(text => (JsonNode?)text), Gen.Choose(-9, 9).Select(n => (JsonNode?)n), Gen.Constant((JsonNode?)null))
        : Gen.OneOf(
            Json(0),
            Json(depth - 1).ListOf().Where(list => list.Count < 4).Select(list => (JsonNode?)new JsonArray([.. list.Select(item => item?.DeepClone())])),
            Json(depth - 1).Select(value => (JsonNode?)new JsonObject { ["a"] = value?.DeepClone() }));

    private static Dictionary<string, JsonNode?> Members(
        string id, string source, string type, string subject, IList<(string Name, JsonNode? Value)> extensions, (string? Type, string Member, JsonNode? Value) data)
    {
        var members = new Dictionary<string, JsonNode?> { ["specversion"] = "1.0", ["id"] = id, ["source"] = source, ["type"] = type };
        foreach (var (name, value) in extensions.Take(40))
        {
            members[name] = value;
        }

        AddUnless(subject.Length == 0, "subject", subject);
        AddUnless(data.Type is null, "datacontenttype", data.Type);
        AddUnless(data.Member.Length == 0, data.Member, data.Value);
        return members;

        void AddUnless(bool isMissing, string name, JsonNode? value)
        {
            if (!isMissing)
            {
                members[name] = value;
            }
        }
    }

    private static JsonObject Shuffled(int seed, Dictionary<string, JsonNode?> members)
    {
        var entries = members.ToArray();
        new Random(seed).Shuffle(entries);
        return new JsonObject(entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
    }

    /// <summary>Gives not a byte more than is asked for.</summary>
    private sealed class NarrowWriter : IBufferWriter<byte>
    {
        private byte[] _room = [];

        public MemoryStream Written { get; } = new();

        public void Advance(int count) => Written.Write(_room, 0, count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _room = new byte[Math.Max(sizeHint, 1)];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }

    /// <summary>The order of members is free, and bytes that are text of their media type are written as text.</summary>
    private static bool Same(JsonObject sent, JsonObject written)
    {
        if (sent["data_base64"] is { } base64 && written["data"] is { } text)
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(base64.GetValue<string>())) == text.GetValue<string>();
        }

        return JsonNode.DeepEquals(sent, written);
    }
}
