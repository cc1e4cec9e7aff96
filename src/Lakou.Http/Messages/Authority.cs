using System.Buffers;
using System.Net;

namespace Lakou.Http;

/// <summary>
/// <c>uri-host [":" port]</c> (RFC 9110 §7.2), narrower than its grammar: no percent-encoding and no sub-delims, which no name or address
/// needs and which let one host be written in several ways; a colon needs a port of 1 to 5 digits up to 65535.
/// </summary>
internal static class Authority
{
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"u8);

    private static readonly SearchValues<byte> AddressBytes = SearchValues.Create("0123456789abcdefABCDEF:."u8);

    public static bool IsValid(ReadOnlySpan<byte> text, bool needsPort = false)
    {
        var end = text is [(byte)'[', ..] ? text.IndexOf((byte)']') + 1 : IndexOrLength(text);
        var host = text[..end];
        var valid = host is [(byte)'[', .. var address, (byte)']']
            ? !address.ContainsAnyExcept(AddressBytes) && address.Contains((byte)':') && IPAddress.IsValidUtf8(address)
            : !host.IsEmpty && !host.ContainsAnyExcept(NameBytes);
        return valid && (end == text.Length ? !needsPort : text[end] == ':' && IsPort(text[(end + 1)..]));
    }

    private static int IndexOrLength(ReadOnlySpan<byte> text) => text.IndexOf((byte)':') is >= 0 and var colon ? colon : text.Length;

    private static bool IsPort(ReadOnlySpan<byte> digits) =>
        digits.Length <= 5 && BodyFraming.TryReadLength(digits, out var port) && port <= ushort.MaxValue;
}
