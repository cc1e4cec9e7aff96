namespace Lakou.Core.Configuration;

/// <summary>Something wrong in a configuration file. Never holds an expanded reference or a secret.</summary>
/// <param name="File">As the operator wrote it.</param>
/// <param name="Line">From 1; 0 when the file as a whole is meant.</param>
/// <param name="Column">From 1, in UTF-16 units; 0 when the file as a whole is meant.</param>
/// <param name="Path"><c>upstreams.orders.endpoints[1].url</c>; empty for the root.</param>
/// <param name="Message">What is wrong; what would be right.</param>
public sealed record Problem(string File, int Line, int Column, string Path, string Message)
{
    /// <summary><c>lakou.yaml:12:7 routes.orders.filters.rate-limit.permits: 0 is not allowed; 1 or more</c></summary>
    public override string ToString()
    {
        var place = Line > 0 ? $"{File}:{Line}:{Column}" : File;
        return Path.Length > 0 ? $"{place} {Path}: {Message}" : $"{place}: {Message}";
    }
}
