using System.Text;

namespace Lakou.Http;

/// <summary>The four forms of a request target (RFC 9112 §3.2).</summary>
public enum TargetForm : byte
{
    /// <summary><c>/path?query</c></summary>
    Origin,

    /// <summary><c>http://host/path?query</c></summary>
    Absolute,

    /// <summary><c>host:port</c>, with CONNECT.</summary>
    Authority,

    /// <summary><c>*</c>, with OPTIONS.</summary>
    Asterisk,
}

internal static class RequestTarget
{
    /// <summary>Tells the form and where path and query begin; answers with a problem, or null.</summary>
    public static string? Read(string method, ReadOnlySpan<byte> target, out TargetForm form, out int pathStart)
    {
        form = TargetForm.Origin;
        pathStart = 0;
        if (target.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e))
        {
            return "the target holds a byte that is not visible ASCII";
        }

        if (target.Contains((byte)'#'))
        {
            return "the target holds a fragment"; // some cut it off, some do not: two readings of one path
        }

        if (method == "CONNECT")
        {
            form = TargetForm.Authority;
            pathStart = target.Length;
            return Authority.IsValid(target, needsPort: true) ? null : "CONNECT needs host:port";
        }

        if (target is [(byte)'/', ..])
        {
            return null;
        }

        if (target is [(byte)'*'] && method == "OPTIONS")
        {
            form = TargetForm.Asterisk;
            return null;
        }

        var start = StartsWith(target, "http://"u8) ? 7 : StartsWith(target, "https://"u8) ? 8 : 0;
        if (start == 0)
        {
            return "the target is neither a path nor an http or https address";
        }

        var length = target[start..].IndexOfAny((byte)'/', (byte)'?');
        form = TargetForm.Absolute;
        pathStart = length < 0 ? target.Length : start + length;
        return Authority.IsValid(target[start..pathStart]) ? null : "the target's authority is not host[:port]";
    }

    private static bool StartsWith(ReadOnlySpan<byte> target, ReadOnlySpan<byte> scheme) =>
        target.Length >= scheme.Length && Ascii.EqualsIgnoreCase(target[..scheme.Length], scheme);
}
