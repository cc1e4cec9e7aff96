using System.Reflection;
using System.Runtime.InteropServices;

namespace Lakou;

/// <summary>What was built, and what it runs on.</summary>
internal static class Build
{
    /// <summary><c>0.1.0</c></summary>
    public static string Version { get; } = Informational.Split('+')[0];

    /// <summary>The commit's first twelve digits; empty when it was built outside of a repository.</summary>
    public static string Commit { get; } = Informational.Split('+') is [_, { Length: >= 12 } commit] ? commit[..12] : "";

    /// <summary><c>.NET 10.0.0, linux-x64</c></summary>
    public static string Platform { get; } = $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}";

    private static string Informational
        => typeof(Build).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
