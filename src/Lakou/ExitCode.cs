namespace Lakou;

/// <summary>What the process says when it ends.</summary>
internal static class ExitCode
{
    public const int Fine = 0;
    public const int Failed = 1;

    /// <summary>The command line was wrong.</summary>
    public const int Usage = 2;

    /// <summary>The configuration was wrong.</summary>
    public const int Configuration = 3;

    /// <summary>The store could not be written any more; see the log, and the disk.</summary>
    public const int Store = 4;
}
