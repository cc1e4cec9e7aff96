using Lakou.Messaging.Events;

namespace Lakou.Messaging.Tests.Events;

public sealed class MediaTypeTests
{
    [Theory]
    [InlineData("application/json", MediaKind.Json, true)]
    [InlineData("application/json;", MediaKind.Json, true)]
    [InlineData(" Text/JSON\t;; charset=US-ASCII ", MediaKind.Json, true)]
    [InlineData("application/ld+JSON; profile=\"a;charset=x\"", MediaKind.Json, true)]
    [InlineData("application/json; charset=utf-16", MediaKind.Json, false)]
    [InlineData("application/json+x", MediaKind.Bytes, true)]
    [InlineData("text/plain; a=\"\\\\\"; charset=\"utf-8\"", MediaKind.Text, true)]
    [InlineData("text/plain; a=\"\\\"\"; charset=latin1", MediaKind.Text, false)]
    [InlineData("text/plain; charset=utf-8; charset=latin1", MediaKind.Text, false)]
    [InlineData("application/xml", MediaKind.Text, true)]
    [InlineData("application/soap+xml", MediaKind.Text, true)]
    [InlineData("application/octet-stream", MediaKind.Bytes, true)]
    [InlineData("*/*", MediaKind.Bytes, true)]
    [InlineData("application/CloudEvents+json", MediaKind.Structured, true)]
    [InlineData("application/cloudevents-batch+json", MediaKind.Batch, true)]
    [InlineData("application/cloudevents+xml", MediaKind.OtherCloudEvents, true)]
    [InlineData("application/cloudevents", MediaKind.OtherCloudEvents, true)]
    [InlineData("text/cloudevents+json", MediaKind.Json, true)]
    internal void A_media_type_says_what_data_is(string text, MediaKind kind, bool isUtf8) => Assert.Equal(new(kind, isUtf8), MediaType.Of(Reading.Utf8(text)));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("text")]
    [InlineData("/")]
    [InlineData("text/")]
    [InlineData("/plain")]
    [InlineData("te xt/plain")]
    [InlineData("text/plain/x")]
    [InlineData("text/plain, text/html")]
    [InlineData("text/plain; charset")]
    [InlineData("text/plain; charset=")]
    [InlineData("text/plain; =x")]
    [InlineData("text/plain; charset = utf-8")]
    [InlineData("text/plain; a=\"")]
    [InlineData("text/plain; a=\"\\\"")]
    [InlineData("text/plain; a=\"x\" y")]
    [InlineData("text/plain; a=\"\n\"")]
    [InlineData("text/plain; a=\"\\\n\"")]
    [InlineData("text/plain; a=é")]
    public void Other_texts_are_none(string text) => Assert.Equal(MediaKind.Invalid, MediaType.Of(Reading.Utf8(text)).Kind);
}
