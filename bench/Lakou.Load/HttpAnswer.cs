using System.Text;

namespace Lakou.Load;

/// <summary>As much of an HTTP/1.1 answer as a load generator needs: where it ends. It has a Content-Length, or no body.</summary>
internal static class HttpAnswer
{
    /// <summary>Bytes of head and body; 0 while the head is not complete.</summary>
    public static int LengthOf(ReadOnlySpan<byte> received)
    {
        var head = received.IndexOf("\r\n\r\n"u8);
        return head < 0 ? 0 : head + 4 + ContentLength(received[..head]);
    }

    // Without the field the answer is longer than its head and reads as broken.
    private static int ContentLength(ReadOnlySpan<byte> head)
    {
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            if (line.Length > 15 && Ascii.EqualsIgnoreCase(line[..15], "Content-Length:"u8) && int.TryParse(line[15..], out var length))
            {
                return length;
            }
        }

        return 0;
    }
}
