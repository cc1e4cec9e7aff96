using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Lakou.Http.Tests.Fields;

public class FieldTableRunTests
{
    private static readonly FieldSet Cookies = new(KnownField.Cookie);

    [Theory]
    [InlineData("Host: a\r\nCookie: x\r\nX-A: 1\r\nCookie: y\r\nX-B: 2\r\n", "Host: a\r\nX-A: 1\r\nX-B: 2\r\n")]
    [InlineData("Cookie: x\r\nHost: a\r\n", "Host: a\r\n")]
    [InlineData("Host:a\r\nX-A: \t1 \r\nX-B:\t2\r\nX-C:\r\nX-D: \r\n", "Host: a\r\nX-A: 1\r\nX-B: 2\r\nX-C: \r\nX-D: \r\n")]
    public void Lines_are_written_in_one_form_but_those_that_are_left_out(string received, string written)
    {
        Assert.Equal(written, Write(Parse(received), Cookies));

        var copy = new FieldTable();
        copy.Append("X-First", "0");
        copy.AppendAll(Parse(received), Cookies);
        Assert.Equal("X-First: 0\r\n" + written, Write(copy, default));
    }

    [Fact]
    public void Lines_that_were_changed_removed_and_added_are_written_as_they_are_now()
    {
        var fields = Parse("Host: a.example\r\nX-A: long value\r\nX-B: 2\r\nX-C: 3\r\n");
        fields.Set(KnownField.Host, "b"u8);      // shorter: in place
        fields["X-A"] = "a value that is longer"; // at the end of the buffer
        fields.Remove("X-B");
        fields["X-D"] = "4";
        Assert.Equal("Host: b\r\nX-A: a value that is longer\r\nX-C: 3\r\nX-D: 4\r\n", Write(fields, default));
    }

    [Fact]
    public void A_set_of_fields_holds_no_unknown_names()
    {
        Assert.False(new FieldSet(KnownField.Other).Contains(KnownField.Other));
        Assert.False(FieldSet.Where(_ => true).Contains(KnownField.Other));
        Assert.True(FieldSet.Where(_ => true).Contains(KnownField.XRequestId));
        Assert.False(FieldSet.Where(_ => true).Without(KnownField.Via).Contains(KnownField.Via));
    }

    private static FieldTable Parse(string fields)
    {
        var head = new ResponseHead();
        var bytes = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\n" + fields + "\r\n");
        Assert.Equal(ParseStatus.Done, ResponseParser.TryParse(new ReadOnlySequence<byte>(bytes), false, new HeadLimits(), head, out _));
        return head.Fields;
    }

    private static string Write(FieldTable fields, FieldSet except)
    {
        var stream = new MemoryStream();
        var output = PipeWriter.Create(stream);
        var head = new HeadBuffer(output);
        fields.WriteLines(ref head, except);
        head.End();
        output.Complete();
        return Encoding.ASCII.GetString(stream.ToArray());
    }
}
