using System.Text;

namespace Lakou.Http.Server;

/// <summary>The Date field (RFC 9110 §6.6.1), formatted once a second.</summary>
internal static class HttpDate
{
    private static Entry s_last = new(0, []);

    public static ReadOnlySpan<byte> Field(TimeProvider time)
    {
        var now = time.GetUtcNow();
        var second = now.ToUnixTimeSeconds();
        var last = Volatile.Read(ref s_last);
        if (last.Second != second)
        {
            last = new Entry(second, Encoding.ASCII.GetBytes($"Date: {now:R}\r\n"));
            Volatile.Write(ref s_last, last);
        }

        return last.Line;
    }

    private sealed record Entry(long Second, byte[] Line);
}
