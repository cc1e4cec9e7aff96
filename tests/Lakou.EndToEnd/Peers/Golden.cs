namespace Lakou.EndToEnd.Peers;

/// <summary>Outputs that are compared with a file; <c>UPDATE_GOLDEN=1</c> writes the file anew.</summary>
internal static class Golden
{
    private static readonly bool Updates = Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1";

    /// <param name="name">In <c>golden/</c> beside the tests.</param>
    /// <param name="text">What came out.</param>
    public static void Is(string name, string text)
    {
        var file = System.IO.Path.Combine(Binary.Repository, "tests", "Lakou.EndToEnd", "golden", name);
        if (Updates)
        {
            File.WriteAllText(file, text);
        }

        Assert.Equal(File.ReadAllText(file), text);
    }
}
