using System.Text.RegularExpressions;

namespace Lakou.Http.Tests.Messages;

/// <summary>
/// Damaged messages of the corpora. However they are fed the outcome is the same, and what is accepted is of the grammar, judged by
/// regular expressions over the whole message, which share no code with the parsers.
/// </summary>
public sealed partial class MutationTests
{
    /// <summary>Rounds of each test: about a second.</summary>
    private const int Rounds = 20_000;

    private static readonly byte[][] Scraps =
    [
        .. ((string[])["\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", ":", ";", ",", "0", "ffffffffffffffff", "\0", "\u0080", "chunked", "/", "[", "#",
            "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n", "Host: a\r\n", "HTTP/1.0", "HTTP/1.1", " 304 ", "0\r\n"]).Select(Feed.Bytes),
    ];

    [Fact]
    public void A_damaged_request_has_one_outcome() => Run("requests", (input, random) =>
    {
        var whole = Feed.RequestInSegments(input);
        Assert.Equal(whole, Feed.RequestInPieces(input, () => 1));
        Assert.Equal(whole, Feed.RequestInPieces(input, () => random.Next(1, 40)));
        Assert.Equal(whole, Feed.RequestInSegments(input, [.. Enumerable.Range(0, 3).Select(_ => random.Next(input.Length + 1)).Order()]));
        if (whole.Status == ParseStatus.Done)
        {
            Assert.Matches(RequestGrammar(), Feed.Text(input.AsSpan(0, whole.Consumed)));
            var again = Feed.Bytes(whole.Content[..(whole.Content.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)]);
            Assert.Equal(whole with { Consumed = again.Length }, Feed.RequestInSegments(again));
        }

        return whole;
    });

    [Fact]
    public void A_damaged_response_has_one_outcome() => Run("responses", (input, random) =>
    {
        var whole = Feed.ResponseInPieces(input, () => input.Length);
        Assert.Equal(whole, Feed.ResponseInPieces(input, () => 1));
        Assert.Equal(whole, Feed.ResponseInPieces(input, () => random.Next(1, 40)));
        if (whole.Status == ParseStatus.Done)
        {
            Assert.Matches(ResponseGrammar(), Feed.Text(input.AsSpan(0, whole.Consumed)));
            var again = Feed.Bytes(whole.Content[..(whole.Content.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)]);
            Assert.Equal(whole with { Consumed = again.Length }, Feed.ResponseInPieces(again, () => again.Length));
        }

        return whole;
    });

    [Fact]
    public void A_damaged_chunked_body_has_one_outcome() => Run("chunked", (input, random) =>
    {
        var whole = Feed.ChunkedInPieces(input, () => input.Length);
        var bytewise = Feed.ChunkedInPieces(input, () => 1);
        var pieces = Feed.ChunkedInPieces(input, () => random.Next(1, 40));
        // An error in the middle of a piece keeps its beginning unconsumed, so only the other three are the same.
        Assert.Equal((whole.Status, whole.Content, whole.Error), (bytewise.Status, bytewise.Content, bytewise.Error));
        Assert.Equal((whole.Status, whole.Content, whole.Error), (pieces.Status, pieces.Content, pieces.Error));
        if (whole.Status == ParseStatus.Done)
        {
            Assert.Equal(whole.Consumed, bytewise.Consumed);
            Assert.Equal(Unchunk(Feed.Text(input)), (whole.Consumed, whole.Content.Split(" | ")[0]));
        }

        return whole;
    });

    /// <summary>The coding read in the simplest way, from a whole body that is known to be good.</summary>
    private static (int Length, string Payload) Unchunk(string body)
    {
        var payload = "";
        for (var at = 0; ;)
        {
            var line = SizeLine().Match(body, at);
            Assert.True(line.Success);
            var size = Convert.ToInt32(line.Groups["size"].Value, 16);
            at += line.Length;
            if (size == 0)
            {
                var trailers = Trailers().Match(body, at);
                Assert.True(trailers.Success);
                return (at + trailers.Length, payload);
            }

            payload += body.Substring(at, size);
            Assert.Equal("\r\n", body.Substring(at + size, 2));
            at += size + 2;
        }
    }

    private static void Run(string folder, Func<byte[], Random, Outcome> check)
    {
        var files = Corpus.ReadAll(folder).Where(file => file.Length < 2000).ToArray();
        var random = new Random(20260101);
        var good = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var input = files[random.Next(files.Length)];
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                input = Damage(input, files, random);
            }

            if (input.Length > 0)
            {
                good += check(input, random).Status == ParseStatus.Done ? 1 : 0;
            }
        }

        Assert.InRange(good, Rounds / 50, Rounds / 2); // damage enough, and not too much, to say something
    }

    private static byte[] Damage(byte[] input, byte[][] files, Random random)
    {
        var at = random.Next(input.Length + 1);
        var end = Math.Min(input.Length, at + random.Next(8));
        var other = files[random.Next(files.Length)];
        return random.Next(6) switch
        {
            0 => [.. input[..at], .. input[end..]],
            1 => [.. input[..end], .. input[at..]],
            2 => [.. input[..at], .. Scraps[random.Next(Scraps.Length)], .. input[at..]],
            3 => [.. input[..at], .. Scraps[random.Next(Scraps.Length)], .. input[end..]],
            4 => [.. input[..at], .. other[Math.Min(at, other.Length)..]],
            _ => [.. input[..at], (byte)random.Next(256), .. input[Math.Min(at + 1, input.Length)..]],
        };
    }

    private const string Fields = @"([!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n";

    [GeneratedRegex(@"\A(\r\n)?[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} [\x21-\x22\x24-\x7e]+ HTTP/1\.[01]\r\n" + Fields + @"\z", RegexOptions.ExplicitCapture, 30_000)]
    private static partial Regex RequestGrammar();

    [GeneratedRegex(@"\AHTTP/1\.[01] [1-5][0-9]{2}( [\t\x20-\x7e\x80-\xff]*)?\r\n" + Fields + @"\z", RegexOptions.ExplicitCapture, 30_000)]
    private static partial Regex ResponseGrammar();

    [GeneratedRegex(@"\G(?<size>[0-9a-fA-F]{1,16})([ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n", RegexOptions.ExplicitCapture, 30_000)]
    private static partial Regex SizeLine();

    [GeneratedRegex(@"\G" + Fields, RegexOptions.ExplicitCapture, 30_000)]
    private static partial Regex Trailers();
}
