using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Faults;

namespace Lakou.Gateway.Routing;

/// <summary>How a listener reads request targets.</summary>
internal sealed record TargetRules
{
    public static readonly TargetRules Default = new();

    /// <summary><c>%2F</c> is kept as part of one segment instead of being refused. Off: many servers decode it to a separator.</summary>
    public bool AllowEncodedSlash { get; init; }

    /// <summary><c>//</c> counts as <c>/</c>.</summary>
    public bool MergeSlashes { get; init; } = true;
}

/// <summary>The forms of RFC 9112 §3.2 that are served; authority-form is CONNECT's and is refused.</summary>
internal enum TargetForm
{
    Origin,
    Absolute,
    Asterisk,
}

/// <summary>
/// A request target with one meaning: what is matched (<see cref="Path"/>) and what is forwarded (<see cref="EncodedPath"/>)
/// are the same path. Segment by segment, decoding <see cref="EncodedPath"/> once gives <see cref="Path"/>, and parsing
/// <see cref="EncodedPath"/> again changes nothing. Segment parameters (<c>;a=b</c>) are text: <c>..;</c> is no dot segment.
/// A target in normal form is only sliced, never copied.
/// </summary>
internal readonly struct RequestTarget
{
    /// <summary>
    /// Stands in <see cref="Path"/> for an encoded slash, where one is allowed: a character that no path can hold otherwise,
    /// because control characters are refused. So <c>%2F</c>, <c>/</c> and <c>%252F</c> stay three things.
    /// </summary>
    public const char EncodedSlash = '\u001F';

    private readonly string raw;

    private RequestTarget(string raw, TargetForm form, ReadOnlyMemory<char> authority, ReadOnlyMemory<char> path, ReadOnlyMemory<char> encodedPath, ReadOnlyMemory<char> query)
    {
        this.raw = raw;
        Form = form;
        Authority = authority;
        Path = path;
        EncodedPath = encodedPath;
        Query = query;
    }

    public TargetForm Form { get; }

    /// <summary>Of absolute-form, with its port; it replaces the Host header (RFC 9112 §3.2.2). Else empty.</summary>
    public ReadOnlyMemory<char> Authority { get; }

    /// <summary>Decoded, for matching. Starts with <c>/</c>, or is <c>*</c>. <c>ToString()</c> copies only if a query was cut off.</summary>
    public ReadOnlyMemory<char> Path { get; }

    /// <summary>Canonical: unreserved characters plain, other escapes as they were with upper-case digits, what RFC 3986 does not allow escaped.</summary>
    public ReadOnlyMemory<char> EncodedPath { get; }

    /// <summary>With its <c>?</c>, byte for byte as received; empty without one.</summary>
    public ReadOnlyMemory<char> Query { get; }

    /// <summary>What goes upstream, in origin-form: the received string itself when it was in normal form.</summary>
    public string Forwarded =>
        Form != TargetForm.Absolute && EncodedPath.Length + Query.Length == raw.Length && raw.AsSpan().StartsWith(EncodedPath.Span)
            ? raw
            : string.Concat(EncodedPath.Span, Query.Span);

    /// <param name="raw">As received, any text.</param>
    /// <param name="rules">Of the listener.</param>
    /// <param name="target">The target when true is returned.</param>
    /// <param name="fault">One of <see cref="RoutingFaults"/> when false is returned.</param>
    public static bool TryParse(string raw, TargetRules rules, out RequestTarget target, [NotNullWhen(false)] out Fault? fault)
    {
        target = default;
        if (raw == "*")
        {
            target = new RequestTarget(raw, TargetForm.Asterisk, default, raw.AsMemory(), raw.AsMemory(), default);
            fault = null;
            return true;
        }

        // 1. Where the path starts.
        var form = TargetForm.Origin;
        var pathStart = 0;
        ReadOnlyMemory<char> authority = default;
        if (!raw.StartsWith('/'))
        {
            if (!TryFindAuthority(raw, out var authorityStart, out pathStart, out fault))
            {
                return false;
            }

            form = TargetForm.Absolute;
            authority = raw.AsMemory(authorityStart, pathStart - authorityStart);
        }

        // 2. Where it ends: at the query.
        var plainLength = raw.AsSpan(pathStart).IndexOfAnyExcept(PathCharacters.Plain);
        var stop = plainLength < 0 ? raw.Length : pathStart + plainLength;
        var isPlain = stop == raw.Length || raw[stop] == '?';
        var pathEnd = isPlain ? stop : raw.IndexOf('?', stop);
        if (pathEnd < 0)
        {
            pathEnd = raw.Length;
        }

        // 3. The query is not touched, only checked.
        var wrong = raw.AsSpan(pathEnd).IndexOfAnyExcept(PathCharacters.Query);
        if (wrong >= 0)
        {
            fault = RoutingFaults.BadQuery.With($"{PathNormaliser.Describe(raw[pathEnd + wrong])} at offset {pathEnd + wrong} is not allowed in a query; escape it");
            return false;
        }

        // 4. The path: as it is, or brought into normal form.
        var path = pathEnd == pathStart ? "/".AsMemory() : raw.AsMemory(pathStart, pathEnd - pathStart);
        var encoded = path;
        if (!isPlain || PathNormaliser.HasRemovableSegments(path.Span, rules.MergeSlashes))
        {
            fault = PathNormaliser.Normalise(path.Span, pathStart, rules, out var decodedText, out var encodedText);
            if (fault is not null)
            {
                return false;
            }

            path = decodedText.AsMemory();
            encoded = encodedText.AsMemory();
        }

        target = new RequestTarget(raw, form, authority, path, encoded, raw.AsMemory(pathEnd));
        fault = null;
        return true;
    }

    private static bool TryFindAuthority(string raw, out int start, out int end, [NotNullWhen(false)] out Fault? fault)
    {
        start = raw.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? 7
            : raw.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ? 8
            : 0;
        end = start;
        if (start == 0)
        {
            fault = RoutingFaults.BadTarget.With("the target must start with '/' (or be '*', or an http:// or https:// address)");
            return false;
        }

        var length = raw.AsSpan(start).IndexOfAny('/', '?');
        end = length < 0 ? raw.Length : start + length;
        var authority = raw.AsSpan(start, end - start);

        // User information is deprecated and used to hide the real host (RFC 9110 §4.2.4).
        var wrong = authority.IndexOfAnyExcept(AuthorityCharacters);
        fault = authority.IsEmpty ? RoutingFaults.BadTarget.With("the target has no host after '//'")
            : wrong >= 0 ? RoutingFaults.BadTarget.With($"{PathNormaliser.Describe(authority[wrong])} at offset {start + wrong} is not allowed in a host")
            : null;
        return fault is null;
    }

    private static readonly System.Buffers.SearchValues<char> AuthorityCharacters = System.Buffers.SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~[]:");
}
