using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public class SampleTests
{
    private static readonly string Samples = Path.Combine(Binary.Repository, "samples");

    public static TheoryData<string> Files() => [.. Directory.GetFiles(Samples, "*.yaml", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Samples, file))];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_sample_is_fine(string name)
    {
        // Read where nothing of the repository is touched, after the lines that it asks for.
        using var folder = new TemporaryFolder();
        var text = File.ReadAllText(Path.Combine(Samples, name));
        var file = folder.Write("lakou.yaml", text);
        foreach (var line in text.Split('\n').Where(line => line.StartsWith("#   openssl ", StringComparison.Ordinal)))
        {
            Programs.Need("openssl", "openssl");
            var made = await Programs.RunAsync("bash", "-c", $"cd '{folder.Path}' && {line[1..]}");
            Assert.True(made.Code == 0, made.ToString());
        }

        var ended = await Binary.RunAsync("check", file);

        Assert.True(ended.Code == 0, ended.ToString());
        Assert.StartsWith($"{file} is fine: ", ended.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_file_of_the_demo_is_the_one_in_the_samples()
    {
        var ended = await Binary.RunAsync("demo", "--print");

        Assert.Equal(new Ended(0, File.ReadAllText(Path.Combine(Samples, "demo.yaml")), ""), ended);
    }
}
