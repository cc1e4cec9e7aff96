namespace Lakou.Http.Tests.Messages;

/// <summary>Ladders: messages cut at every byte.</summary>
public sealed class TruncationTests
{
    [Fact]
    public void Every_prefix_of_a_valid_request_needs_more_and_consumes_nothing() => Ladder("requests", prefix => Feed.RequestInSegments(prefix));

    [Fact]
    public void Every_prefix_of_a_valid_response_needs_more_and_consumes_nothing() =>
        Ladder("responses", prefix => Feed.ResponseInPieces(prefix, () => int.MaxValue / 2));

    [Fact]
    public void Every_prefix_of_a_valid_chunked_body_needs_more()
    {
        foreach (var input in Corpus.ReadAll("chunked", "valid-"))
        {
            for (var length = 0; length < input.Length; length++)
            {
                var outcome = Feed.ChunkedInPieces(input[..length], () => int.MaxValue / 2);
                Assert.Equal((ParseStatus.NeedMore, length), (outcome.Status, outcome.Consumed));
            }
        }
    }

    [Fact]
    public void A_request_in_two_or_three_segments_is_the_same_request()
    {
        foreach (var input in Corpus.ReadAll("requests", "valid-").Where(input => input.Length < 200))
        {
            var whole = Feed.RequestInSegments(input);
            for (var first = 0; first <= input.Length; first++)
            {
                for (var second = first; second <= input.Length; second++)
                {
                    Assert.Equal(whole, Feed.RequestInSegments(input, first, second));
                }
            }
        }
    }

    [Fact]
    public void A_response_in_two_or_three_pieces_is_the_same_response()
    {
        foreach (var input in Corpus.ReadAll("responses", "valid-").Where(input => input.Length < 200))
        {
            InThree(input, pieces => Feed.ResponseInPieces(input, pieces));
        }
    }

    [Fact]
    public void A_chunked_body_in_two_or_three_pieces_is_the_same_body()
    {
        foreach (var input in Corpus.ReadAll("chunked", "valid-").Where(input => input.Length < 200))
        {
            InThree(input, pieces => Feed.ChunkedInPieces(input, pieces));
        }
    }

    private static void InThree(byte[] input, Func<Func<int>, Outcome> parse)
    {
        var whole = parse(() => input.Length);
        for (var first = 1; first < input.Length; first++)
        {
            for (var second = 1; second <= input.Length - first; second++)
            {
                var pieces = new Queue<int>([first, second, input.Length]);
                Assert.Equal(whole, parse(pieces.Dequeue));
            }
        }
    }

    private static void Ladder(string folder, Func<byte[], Outcome> parse)
    {
        var files = Corpus.ReadAll(folder, "valid-");
        Assert.NotEmpty(files);
        foreach (var input in files)
        {
            for (var length = 1; length < input.Length; length++)
            {
                Assert.Equal(new(ParseStatus.NeedMore, 0, "", null), parse(input[..length]));
            }
        }
    }
}
