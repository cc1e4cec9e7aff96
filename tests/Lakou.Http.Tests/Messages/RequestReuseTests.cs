using System.Buffers;
using static Lakou.Http.Tests.Messages.Feed;

namespace Lakou.Http.Tests.Messages;

public sealed class RequestReuseTests
{
    [Fact]
    public void What_follows_the_head_is_left_alone()
    {
        const string first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
        const string second = "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
        var head = new RequestHead();
        var input = new ReadOnlySequence<byte>(Bytes(first + "\0\n\r\n" + second));

        Assert.Equal(ParseStatus.Done, RequestParser.TryParse(input, HeadLimits.Default, head, out var consumed, out var examined));
        Assert.Equal(first.Length, consumed.GetInteger());
        Assert.Equal(consumed, examined);
        Assert.Equal(("/1", 4), (head.Target, head.ContentLength));

        Assert.Equal(ParseStatus.Done, RequestParser.TryParse(input.Slice(first.Length + 4), HeadLimits.Default, head, out _, out _));
        Assert.Equal(("GET", "/2", BodyKind.None, -1, "Host: b\r\n"), (head.Method, head.Target, head.Body, head.ContentLength, Lines(head.Fields)));
    }

    [Fact]
    public void A_call_after_a_refusal_begins_the_next_head()
    {
        var head = new RequestHead();
        RequestParser.TryParse(new(Bytes("\0")), HeadLimits.Default, head, out _, out _);

        Assert.Equal(ParseStatus.Done, RequestParser.TryParse(new(Bytes("GET / HTTP/1.0\r\n\r\n")), HeadLimits.Default, head, out _, out _));
        Assert.Null(head.Error);
    }

    /// <summary>The bytes of earlier calls are overwritten before the next one: who looked at them again would notice.</summary>
    [Fact]
    public void Bytes_that_were_looked_at_are_not_looked_at_again()
    {
        var whole = Bytes("GET /path HTTP/1.1\r\nHost: a\r\nX-A: b\r\nX-C: d\r\n\r\n");
        var head = new RequestHead();
        for (var length = 1; length < whole.Length; length++)
        {
            var input = new byte[length];
            input[^1] = whole[length - 1];
            Assert.Equal(ParseStatus.NeedMore, RequestParser.TryParse(new(input), HeadLimits.Default, head, out var consumed, out var examined));
            Assert.Equal((0, length), (consumed.GetInteger(), examined.GetInteger()));
        }

        Assert.Equal(ParseStatus.Done, RequestParser.TryParse(new(whole), HeadLimits.Default, head, out _, out _));
        Assert.Equal("Host: a\r\nX-A: b\r\nX-C: d\r\n", Lines(head.Fields));
    }

    [Fact]
    public void The_same_request_again_allocates_nothing()
    {
        var input = new ReadOnlySequence<byte>(Bytes("POST /path HTTP/1.1\r\nHost: a\r\nX-A: b\r\nConnection: a, b\r\nContent-Length: 3\r\n\r\n"));
        var head = new RequestHead();
        Serve();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Serve();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Serve()
        {
            if (RequestParser.TryParse(input, HeadLimits.Default, head, out _, out _) != ParseStatus.Done ||
                head.Target.Length != 5 || head.Fields["x-a"] != "b" || head.Fields["Host"] != "a")
            {
                throw new InvalidOperationException();
            }
        }
    }
}
