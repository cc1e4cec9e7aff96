using System.Globalization;
using System.Text;
using Lakou.Messaging.Events;

namespace Lakou.Messaging.Tests.Events;

/// <summary>The corpus, cut at every byte and damaged. What is accepted is an event in every mode; what is refused leaves nothing; nothing throws.</summary>
public sealed class HostileTests
{
    /// <summary>Rounds of each test: a second or two.</summary>
    private const int Rounds = 20_000;

    /// <summary>A refusal is a few short strings and one exception of the JSON reader, whatever the body.</summary>
    private const int MostBytes = 64 * 1024;

    private static readonly byte[][] Scraps =
    [
        .. ((string[])["\n", "\n\n", "\"", "\\", "\\u", "\\ud800", "\\u0000", "{", "}", "[", "]", ",", ":", "null", "true", "-1", "1e9", "2147483648", "\0", "\u0080", "%", "%00", "%C0%A0", "%E2%82%AC", "=", "AA==",
            "\"data\":", "\"data_base64\":\"AA==\",", "\"data\":{},", "\"datacontenttype\":\"text/plain\",", "\"id\":\"\",", "\"time\":\"2026-01-31T09:30:00Z\",", "\"priority\":9,",
            "\nce-specversion: 1.0", "\nce-id: 1", "\nce-x: y", "\nContent-Type: ", "application/json", "application/cloudevents+json", "; charset=utf-8"]).Select(Encoding.Latin1.GetBytes),
    ];

    private readonly EventBatch _batch = new();

    public static TheoryData<string> Files => Corpus.Names;

    [Theory]
    [MemberData(nameof(Files))]
    public void A_request_is_judged_as_its_file_is_named(string name)
    {
        var fault = Corpus.Feed(Corpus.Read(name), _batch);
        var expected = name.StartsWith("valid-", StringComparison.Ordinal) ? 0 : int.Parse(name.Split('-')[1], CultureInfo.InvariantCulture);
        Assert.Equal((expected, ""), (fault?.Code.Status ?? 0, expected == 0 ? fault?.Detail ?? "" : ""));
        Check(Corpus.Read(name));
    }

    [Theory]
    [InlineData("valid-structured.http")]
    [InlineData("valid-batch.http")]
    public void Every_prefix_of_a_JSON_body_is_refused(string name)
    {
        var file = Corpus.Read(name);
        var end = file.AsSpan().TrimEnd("\n "u8).Length;
        for (var length = file.AsSpan().IndexOf("\n\n"u8) + 2; length < end; length++)
        {
            Assert.Equal(EventFaults.Malformed, Corpus.Feed(file.AsSpan(0, length), _batch)?.Code);
            Assert.Equal((0, 0), (_batch.Events.Length, _batch.Frames.Length));
        }

        Assert.Null(Corpus.Feed(file.AsSpan(0, end), _batch));
    }

    [Fact]
    public void Every_prefix_of_every_file_is_an_event_or_refused()
    {
        foreach (var file in Corpus.All)
        {
            for (var length = 0; length < file.Length; length++)
            {
                Check(file[..length]);
            }
        }
    }

    [Fact]
    public void Damaged_requests_are_events_or_refused()
    {
        var random = new Random(20260131);
        var good = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var file = Corpus.All[random.Next(Corpus.All.Length)];
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                file = Damage(file, random);
            }

            good += Check(file) ? 1 : 0;
        }

        Assert.InRange(good, Rounds / 20, Rounds * 9 / 10); // damage enough, and not too much, to say something
    }

    [Fact]
    public void Random_bytes_are_refused_or_raw_events()
    {
        var random = new Random(20260201);
        foreach (var head in (string[])["", "Content-Type: application/json", "Content-Type: application/cloudevents+json", "Content-Type: application/cloudevents-batch+json", "Content-Type: text/plain"])
        {
            for (var round = 0; round < Rounds / 5; round++)
            {
                var body = new byte[random.Next(200)];
                random.NextBytes(body);
                Check([.. Encoding.Latin1.GetBytes(head), (byte)'\n', (byte)'\n', .. body]);
            }
        }
    }

    [Fact]
    public void Damaged_filters_are_filters_or_refused()
    {
        var random = new Random(20260202);
        var right = """{"type":"order.*","source":["/shop","/ü"],"priority":[5,true,"\u0041*"]}"""u8.ToArray();
        var good = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var json = Damage(right, random);
            var fault = EventFilterOptions.Parse(json, out var options);
            Assert.True(fault is null || fault.Detail.Length > 0);
            good += fault is null ? 1 : 0;
            _ = fault is null ? new EventFilter(options) : null;
        }

        Assert.InRange(good, Rounds / 50, Rounds / 2);
    }

    /// <summary>Whether it was accepted.</summary>
    private bool Check(byte[] file)
    {
        try
        {
            Corpus.Feed(file, _batch);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var fault = Corpus.Feed(file, _batch);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes + (20 * file.Length));
            if (fault is null)
            {
                Modes.AssertSame(_batch);
                return true;
            }

            Assert.NotEmpty(fault.Detail);
            Assert.True(fault.Detail.Length < 1_000, fault.Detail);
            Assert.DoesNotContain(fault.Detail, char.IsControl);
            Assert.Equal((0, 0), (_batch.Events.Length, _batch.Frames.Length));
            return false;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Put this into the corpus: {Convert.ToBase64String(file)}", e);
        }
    }

    private static byte[] Damage(byte[] file, Random random)
    {
        var at = random.Next(file.Length + 1);
        var end = Math.Min(file.Length, at + random.Next(8));
        var other = Corpus.All[random.Next(Corpus.All.Length)];
        var scrap = Scraps[random.Next(Scraps.Length)];
        return random.Next(6) switch
        {
            0 => [.. file[..at], .. file[end..]],
            1 => [.. file[..end], .. file[at..]],
            2 => [.. file[..at], .. scrap, .. file[at..]],
            3 => [.. file[..at], .. scrap, .. file[end..]],
            4 => [.. file[..at], .. other[Math.Min(at, other.Length)..]],
            _ => [.. file[..at], (byte)random.Next(256), .. file[Math.Min(at + 1, file.Length)..]],
        };
    }
}
