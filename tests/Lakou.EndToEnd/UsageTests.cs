using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public class UsageTests
{
    [Fact]
    public async Task Without_a_verb_the_help_goes_to_standard_error()
    {
        var ended = await Binary.RunAsync();

        Assert.Equal(2, ended.Code);
        Assert.Equal("", ended.Out);
        Assert.Contains("run <FILE>", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_help_names_every_verb()
    {
        var ended = await Binary.RunAsync("--help");

        Assert.Equal(0, ended.Code);
        Golden.Is("help.txt", ended.Out);
    }

    [Fact]
    public async Task An_unknown_verb_is_answered_with_the_one_that_was_meant()
    {
        var ended = await Binary.RunAsync("rnu", "lakou.yaml");

        Assert.Equal(2, ended.Code);
        Assert.Equal("lakou: unknown verb 'rnu'; did you mean 'run'?\nSee: lakou --help\n", ended.Error);
    }

    [Theory]
    [InlineData("run", "Required argument missing for command: 'run'.")]
    [InlineData("proxy --from 127.0.0.1:0", "Option '--to' is required.")]
    [InlineData("proxy --from 127.0.0.1:0 --to ftp://x", "--to ftp://x: 'ftp' endpoints are not supported; use http://host:port, https://host:port or unix:/path; for layer 4 tcp://host:port or udp://host:port")]
    [InlineData("proxy --from x --to http://x", "--from x: not an address; use :8080, 127.0.0.1:8080, [::1]:8080 or unix:/path")]
    [InlineData("demo --for soon", "--for soon: not a duration; use 500ms, 30s or 5m")]
    [InlineData("demo --for 0s", "--for 0s: not a duration; use 500ms, 30s or 5m")]
    [InlineData("explain x.yaml GET orders", "'orders' is no address; use http://host:port/path, or a path such as /orders")]
    [InlineData("explain x.yaml GET / -H X-Beta", "-H 'X-Beta': not a header; use 'Name: value'")]
    [InlineData("reload --admin 9900", "--admin 9900: not an address; use http://127.0.0.1:9900")]
    [InlineData("check x.yaml --json --against http://127.0.0.1:1", "--json and --against do not go together")]
    public async Task A_wrong_command_line_is_usage(string line, string says)
    {
        var ended = await Binary.RunAsync(line.Split(' '));

        Assert.Equal(2, ended.Code);
        Assert.Equal("", ended.Out);
        Assert.StartsWith($"lakou: {says}\n", ended.Error, StringComparison.Ordinal);
        Assert.EndsWith($"See: lakou {line.Split(' ')[0]} --help\n", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_names_itself_and_its_runtime()
    {
        var ended = await Binary.RunAsync("version");

        Assert.Equal(0, ended.Code);
        Assert.Matches(@"^lakou \d+\.\d+\.\d+( \([0-9a-f]{12}\))?, \.NET 10\.\S+, \S+\n$", ended.Out);
    }
}
