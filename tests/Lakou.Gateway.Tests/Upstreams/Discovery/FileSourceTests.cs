using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Discovery.Files;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class FileSourceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lakou-endpoints-").FullName;

    private string File => Path.Combine(_folder, "endpoints.yaml");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_file_written_in_place_or_renamed_over_is_read_again()
    {
        Write("http://10.0.0.1");
        await using var source = Open();
        Assert.Equal(["http://10.0.0.1"], await NextAsync(source));
        Write("http://10.0.0.2");
        await UntilAsync(source, "http://10.0.0.2");
        System.IO.File.WriteAllText(File + ".new", Yaml("http://10.0.0.3"));
        System.IO.File.Move(File + ".new", File, overwrite: true);
        await UntilAsync(source, "http://10.0.0.3");
    }

    [Fact]
    public async Task A_turn_of_the_data_link_of_Kubernetes_is_read()
    {
        Publish("..1", "http://10.0.0.1");
        System.IO.File.CreateSymbolicLink(File, "..data/endpoints.yaml");
        await using var source = Open();
        Publish("..2", "http://10.0.0.2");
        await UntilAsync(source, "http://10.0.0.2");
    }

    [Fact]
    public async Task A_bad_file_tells_the_place_and_is_forgotten_when_mended()
    {
        Write("http://10.0.0.1");
        await using var source = Open();
        await NextAsync(source);
        System.IO.File.WriteAllText(File, "endpoints:\n  - http://10.0.0.1:80\n  - { url: http://x:1, wieght: 3 }\n");
        var failure = await FailsAsync(source);
        Assert.Equal((DiscoveryFailure.File, true), (failure.Reason, failure.IsNews));
        Assert.Contains($"{File}:3:24 endpoints[1].wieght: unknown key 'wieght'", failure.Message, StringComparison.Ordinal);
        Write("http://10.0.0.2");
        await UntilAsync(source, "http://10.0.0.2");
        System.IO.File.Delete(File);
        Assert.Contains("no such file", (await FailsAsync(source)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoints_that_speak_something_else_need_a_reload()
    {
        Write("http://10.0.0.1");
        await using var source = Open();
        await NextAsync(source);
        Write("https://10.0.0.1:443");
        Assert.Contains("speak https, those from before http", (await FailsAsync(source)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("endpoints: []", ":1:12 endpoints: an upstream needs one endpoint or more")]
    [InlineData("endpoints: [ http://a:1, http://a:1 ]", ":1:26 endpoints[1]: this endpoint is listed twice; give it a weight instead")]
    [InlineData("endpoints: [ http://a:1, tcp://a:2 ]", ":1:12 endpoints: tcp://a:2 stands beside http endpoints; an upstream's endpoints speak one protocol")]
    [InlineData("", ":1:1: required key 'endpoints' is missing")]
    [InlineData("endpoints: [", ":2:1: not valid YAML: a value is missing here")]
    [InlineData("endpoints: [ http://a:1 ]\nother: 1", ":2:1 other: unknown key 'other'; known: endpoints")]
    public void Problems_name_the_place_in_the_file(string text, string problem)
    {
        System.IO.File.WriteAllText(File, text);
        var problems = new Problems();
        Assert.Null(FileSource.Plan(File, out var known, problems));
        Assert.Empty(known);
        Assert.Equal(File + problem, Assert.Single(problems.All).ToString());
    }

    private FileSource Open()
    {
        var problems = new Problems();
        var plan = FileSource.Plan(File, out _, problems);
        Assert.Empty(problems.All);
        return (FileSource)plan!.Open(TimeProvider.System, _ => { });
    }

    private static async Task<string[]> NextAsync(FileSource source) => [.. (await source.NextAsync(Stop)).Select(endpoint => endpoint.Address.Text)];

    /// <summary>A write in place may be seen before its end, and a look may find what is known.</summary>
    private static async Task UntilAsync(FileSource source, string endpoint)
    {
        while (true)
        {
            try
            {
                if ((await NextAsync(source)).SequenceEqual([endpoint]))
                {
                    return;
                }
            }
            catch (DiscoveryException)
            {
            }
        }
    }

    private static async Task<DiscoveryException> FailsAsync(FileSource source)
    {
        while (true)
        {
            try
            {
                await source.NextAsync(Stop);
            }
            catch (DiscoveryException failure) when (!failure.Message.Contains("required key", StringComparison.Ordinal))
            {
                return failure;
            }
            catch (DiscoveryException)
            {
                // Seen empty, before its content was there.
            }
        }
    }

    private void Publish(string version, string endpoint)
    {
        Directory.CreateDirectory(Path.Combine(_folder, version));
        System.IO.File.WriteAllText(Path.Combine(_folder, version, "endpoints.yaml"), Yaml(endpoint));
        System.IO.File.CreateSymbolicLink(Path.Combine(_folder, "..data_tmp"), version);

        // rename(2): .NET moves no link over another in one step.
        using var process = System.Diagnostics.Process.Start("mv", ["-T", Path.Combine(_folder, "..data_tmp"), Path.Combine(_folder, "..data")]);
        process.WaitForExit();
    }

    private void Write(params string[] endpoints) => System.IO.File.WriteAllText(File, Yaml(endpoints));

    private static string Yaml(params string[] endpoints) => $"endpoints:\n{string.Concat(endpoints.Select(endpoint => $"  - {endpoint}\n"))}";
}
