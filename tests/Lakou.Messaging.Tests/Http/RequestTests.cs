using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Messaging.Http;

namespace Lakou.Messaging.Tests.Http;

public sealed class RequestTests
{
    private static readonly string[] s_all = ["max", "wait", "delay", "by", "reason", "leases"];

    // Pieces of which requests are made, in any order.
    private static readonly Gen<string> Text =
        from parts in Gen.Elements("{", "}", "[", "]", ":", ",", "\"max\"", "\"wait\"", "\"leases\"", "\"filter\"", "\"places\"", "\"3-1f-2a\"", "\"3-17\"", "1", "-1", "1e999", "\"30s\"", "null", "\"\\ud800\"", "\"type\"", " ", "\0").ListOf()
        select string.Concat(parts);

    [Fact]
    public void Whatever_is_sent_is_read_or_refused()
        => Prop.ForAll(Text.ToArbitrary(), text =>
        {
            ApiRequest.Read(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(text)), s_all, out _);
            DeadRequest.Read(text, isRedrive: true, out _);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("""{"max": 5, "wait": "2s", "leases": ["3-1f-2a"], "reason": "so", "delay": 1.5, "by": "1m"}""")]
    public void Every_beginning_of_a_request_is_refused(string whole)
    {
        for (var length = 1; length < whole.Length; length++)
        {
            Assert.NotNull(ApiRequest.Read(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(whole[..length])), s_all, out _));
        }

        Assert.Null(ApiRequest.Read(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(whole)), s_all, out var request));
        Assert.Equal((5, TimeSpan.FromSeconds(2), "so", TimeSpan.FromSeconds(1.5), TimeSpan.FromMinutes(1)), (request.Max, request.Wait, request.Reason, request.Delay, request.By));
        Assert.Equal("3-1f-2a", Assert.Single(request.Leases).ToString());
    }

    [Theory]
    [InlineData("""{"filter": {"type": "order.*"}, "places": ["3-17"], "rate": 50, "to": "end"}""")]
    public void Every_beginning_of_a_redrive_is_refused(string whole)
    {
        for (var length = 1; length < whole.Length; length++)
        {
            Assert.NotNull(DeadRequest.Read(whole[..length], isRedrive: true, out _));
        }

        Assert.Null(DeadRequest.Read(whole, isRedrive: true, out var request));
        Assert.Equal((50, true, "3-17"), (request.Rate, request.ToEnd, Assert.Single(request.Selection.Places).ToString()));
    }
}
