namespace Lakou.Http.Tests.Messages;

/// <summary>Every file of the corpora, whole and byte by byte.</summary>
public sealed class CorpusTests
{
    public static TheoryData<string> Requests => Corpus.Names("requests");

    public static TheoryData<string> Responses => Corpus.Names("responses");

    public static TheoryData<string> Chunked => Corpus.Names("chunked");

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_request_is_judged_as_its_file_is_named(string name)
    {
        var input = Corpus.Read("requests", name);
        var whole = Feed.RequestInSegments(input);

        Corpus.AssertExpected(name, input.Length, whole.Status, whole.Consumed, whole.Error);
        Assert.Equal(whole, Feed.RequestInPieces(input, () => 1));
    }

    [Theory]
    [MemberData(nameof(Responses))]
    public void A_response_is_judged_as_its_file_is_named(string name)
    {
        var input = Corpus.Read("responses", name);
        var whole = Feed.ResponseInPieces(input, () => input.Length);

        Corpus.AssertExpected(name, input.Length, whole.Status, whole.Consumed, whole.Error);
        Assert.Equal(whole, Feed.ResponseInPieces(input, () => 1));
    }

    [Theory]
    [MemberData(nameof(Chunked))]
    public void A_chunked_body_is_judged_as_its_file_is_named(string name)
    {
        var input = Corpus.Read("chunked", name);
        var whole = Feed.ChunkedInPieces(input, () => input.Length);

        Corpus.AssertExpected(name, input.Length, whole.Status, whole.Consumed, whole.Error);
        var bytewise = Feed.ChunkedInPieces(input, () => 1);
        Assert.Equal((whole.Status, whole.Content, whole.Error), (bytewise.Status, bytewise.Content, bytewise.Error));
    }
}
