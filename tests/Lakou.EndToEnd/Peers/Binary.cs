using System.Diagnostics;

namespace Lakou.EndToEnd.Peers;

/// <summary>The real binary, as it was built beside these tests.</summary>
internal static class Binary
{
    /// <summary>The folder with the solution.</summary>
    public static string Repository { get; } = FindRepository();

    // artifacts/bin/Lakou.EndToEnd/release/ → artifacts/bin/Lakou/release/
    private static string Path { get; } = System.IO.Path.GetFullPath(
        System.IO.Path.Combine(AppContext.BaseDirectory, "..", "..", "Lakou", new DirectoryInfo(AppContext.BaseDirectory).Name, "lakou.dll"));

    public static Task<Ended> RunAsync(params string[] arguments) => Programs.RunAsync(Start(arguments));

    public static ProcessStartInfo Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path, .. arguments]) { WorkingDirectory = Repository };
        start.Environment["NO_COLOR"] = "1";
        start.Environment.Remove("LAKOU_ADMIN_TOKEN");
        return start;
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder.FullName, "Lakou.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("these tests run from within the repository");
        }

        return folder.FullName;
    }
}
