namespace Lakou.Gateway.Routing;

/// <summary>How specific a host is written; lower is more specific.</summary>
internal enum HostKind
{
    Exact,
    Wildcard,
    Any,
}

/// <summary>The host of a route, and how the host of a request is read.</summary>
/// <param name="Kind">Exact name, wildcard or any.</param>
/// <param name="Name">Lower case, without trailing dot; of a wildcard without <c>*.</c>; empty for any.</param>
internal sealed record HostPattern(HostKind Kind, string Name)
{
    public static readonly HostPattern Any = new(HostKind.Any, "");

    /// <summary>RFC 1035 §2.3.4 allows 253 visible characters; a longer name is no host's, so it is not looked up.</summary>
    public const int MaxLength = 253;

    public override string ToString() => Kind switch { HostKind.Exact => Name, HostKind.Wildcard => "*." + Name, _ => "any" };

    /// <param name="written">Null for any.</param>
    /// <param name="problem">Called with what is wrong.</param>
    public static HostPattern? TryParse(string? written, Action<string> problem)
    {
        if (written is null)
        {
            return Any;
        }

        var isWildcard = written.StartsWith("*.", StringComparison.Ordinal);
        var name = (isWildcard ? written[2..] : written).TrimEnd('.').ToLowerInvariant();
        var isAddress = name.StartsWith('[') && name.EndsWith(']') && !isWildcard;
        var wrong = written == "*" ? "'*' is every host; leave host out"
            : name.Length == 0 ? $"'{written}' names no host"
            : name.Length > MaxLength ? $"a host has at most {MaxLength} characters"
            : !isAddress && name.Contains(':') ? $"'{written}' has a port, and the port of a request is not compared; write '{written[..written.IndexOf(':')]}'"
            : name.Contains('*') ? $"'*' stands only in front, as a whole label: '*.example.org', not '{written}'"
            : !isAddress && name.Split('.').Any(label => label.Length == 0) ? $"'{written}' has an empty label"
            : name.Any(c => !char.IsAscii(c)) ? $"'{written}' is not in ASCII; write the form with xn--"
            : !isAddress && name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')) ? $"'{written}' is not a host name"
            : null;
        if (wrong is not null)
        {
            problem(wrong);
            return null;
        }

        return new HostPattern(isWildcard ? HostKind.Wildcard : HostKind.Exact, name);
    }

    /// <summary>The name in a Host header, without port and trailing dot; empty when it can be no host's.</summary>
    public static ReadOnlySpan<char> NameIn(ReadOnlySpan<char> host)
    {
        var end = host.StartsWith("[") ? host.IndexOf(']') + 1 : host.IndexOf(':');
        var name = end > 0 ? host[..end] : host;
        name = name.EndsWith(".") ? name[..^1] : name;
        return name.Length > MaxLength ? default : name;
    }

    /// <param name="name">From <see cref="NameIn"/>.</param>
    public bool Matches(ReadOnlySpan<char> name) => Kind switch
    {
        HostKind.Exact => name.Equals(Name, StringComparison.OrdinalIgnoreCase),
        HostKind.Wildcard => name.Length > Name.Length + 1 && name[^(Name.Length + 1)] == '.' && name.EndsWith(Name, StringComparison.OrdinalIgnoreCase),
        _ => true,
    };
}
