using System.Net;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

/// <summary>The same over HTTP/2.</summary>
public sealed class EnqueueHttp2Tests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_at_once_over_one_connection_are_each_an_event()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        using var http = new HttpClient();
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            using var request = Request(world, new ByteArrayContent(new byte[i * 1000]));
            request.Headers.Add("ce-number", i.ToString());
            using var response = await http.SendAsync(request, Stop);
            Assert.Equal((HttpStatusCode.Accepted, HttpVersion.Version20), (response.StatusCode, response.Version));
        }));
        Assert.Equal(
            Enumerable.Range(0, 60).Select(i => (i, i * 1000)),
            world.Intake.Accepted.Select(accepted => (int.Parse(Assert.Single(accepted.Submission.Fields).Value), accepted.Body.Length)).Order());
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_long_is_refused()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        using var client = await Http2Peer.ConnectAsync(world.Gateway.Address);
        await client.RequestAsync(1, end: false, (":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/events"), ("content-length", $"{EnqueueBody.MaxBytes + 1}"));
        Assert.Equal(413, await client.ReadStatusAsync());
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_refused_once_it_is_too_long()
    {
        await using var world = await EnqueueWorld.OpenAsync();
        using var http = new HttpClient();
        using var request = Request(world, new StreamContent(new Endless()));
        using var response = await http.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Equal("http/body-too-large", (string?)(await world.LogAsync())["fault"]);
        Assert.Empty(world.Intake.Accepted);
    }

    [Fact]
    public async Task A_stream_that_is_reset_in_the_middle_has_sent_nothing()
    {
        const uint Cancel = 8;
        await using var world = await EnqueueWorld.OpenAsync();
        using var client = await Http2Peer.ConnectAsync(world.Gateway.Address);
        await client.RequestAsync(1, end: false, (":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/events"));
        await client.DataAsync(1, end: false, "half");
        await client.ResetAsync(1, Cancel);
        Assert.Contains((string?)(await world.LogAsync())["fault"], new[] { "http/body-truncated", "client/gone" });
        Assert.Empty(world.Intake.Accepted);
    }

    private static HttpRequestMessage Request(EnqueueWorld world, HttpContent content)
        => new(HttpMethod.Post, new Uri(world.Gateway.Uri, "/events")) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };

    private sealed class Endless : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => count;

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
