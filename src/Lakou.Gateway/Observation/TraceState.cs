using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Observation;

/// <summary>
/// Reads <c>tracestate</c> (W3C Trace Context §3.3).
/// <code>
/// list   = member 0*31( OWS "," OWS member )      an empty member does not count
/// member = key "=" value
/// key    = ( a-z / 0-9 ) 0*255( a-z / 0-9 / "_" / "-" / "*" / "/" / "@" )
/// value  = 1*256 printable characters without "," and "=", not ending in a space
/// </code>
/// </summary>
internal static class TraceState
{
    private const int MaxMembers = 32;
    private const int MaxPart = 256;

    // The specification asks for 512 at least. Half of the 8 KiB that many servers take for a whole head is left to everything else.
    private const int MaxLength = 4096;

    // §3.3.3.1: what is longer goes first when the whole is too long.
    private const int LongMember = 128;

    private static readonly SearchValues<char> s_keyStart = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789");
    private static readonly SearchValues<char> s_key = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-*/@");

    /// <summary>All lines as one, members in the order received; null when there is no member or any is malformed.</summary>
    public static string? Combine(StringValues lines)
    {
        if (lines.Count == 0)
        {
            return null;
        }

        var members = new List<string>();
        foreach (string? line in lines)
        {
            foreach (Range part in line.AsSpan().Split(','))
            {
                ReadOnlySpan<char> member = line.AsSpan(part).Trim(" \t");
                if (member.IsEmpty)
                {
                    continue;
                }

                if (members.Count == MaxMembers || !IsMember(member))
                {
                    return null;
                }

                members.Add(member.ToString());
            }
        }

        Shorten(members);
        return members.Count == 0 ? null : string.Join(',', members);
    }

    private static bool IsMember(ReadOnlySpan<char> member)
    {
        int equals = member.IndexOf('=');
        if (equals is < 1 or > MaxPart)
        {
            return false;
        }

        ReadOnlySpan<char> key = member[..equals];
        ReadOnlySpan<char> value = member[(equals + 1)..];
        return s_keyStart.Contains(key[0])
            && !key.ContainsAnyExcept(s_key)
            && value.Length is > 0 and <= MaxPart
            && !value.ContainsAnyExceptInRange(' ', '~')
            && !value.Contains('=');
    }

    /// <summary>Whole members only: long ones first, then from the end, where the oldest are.</summary>
    private static void Shorten(List<string> members)
    {
        int length = members.Sum(member => member.Length + 1) - 1;
        for (int i = members.Count - 1; i >= 0 && length > MaxLength; i--)
        {
            if (members[i].Length > LongMember)
            {
                length -= members[i].Length + 1;
                members.RemoveAt(i);
            }
        }

        while (length > MaxLength)
        {
            length -= members[^1].Length + 1;
            members.RemoveAt(members.Count - 1);
        }
    }
}
