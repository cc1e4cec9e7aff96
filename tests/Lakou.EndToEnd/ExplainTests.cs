using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public class ExplainTests
{
    private const string Sample = "samples/03-weights-and-headers/lakou.yaml";

    [Theory]
    [InlineData("explain-beta.txt", Sample, "GET", "http://127.0.0.1:8080/cart/7?a=b", "-H", "X-Beta: 1")]
    [InlineData("explain-weights.txt", Sample, "get", "http://127.0.0.1:8080/cart/7")]
    [InlineData("explain-rewrite.txt", "samples/demo.yaml", "GET", "/shop/orders/7?a=b")]
    [InlineData("explain-none.txt", "samples/demo.yaml", "GET", "http://example.org/nowhere")]
    [InlineData("explain-method.txt", "samples/demo.yaml", "DELETE", "http://127.0.0.1:8080/hello")]
    public async Task A_request_is_explained(string golden, params string[] arguments)
    {
        var ended = await Binary.RunAsync(["explain", .. arguments]);

        Assert.Equal((0, ""), (ended.Code, ended.Error));
        Golden.Is(golden, ended.Out);
    }

    [Fact]
    public async Task With_a_bad_file_there_is_nothing_to_explain()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("lakou.yaml", "routes: { a: { to: b } }\n");

        var ended = await Binary.RunAsync("explain", file, "GET", "/");

        Assert.Equal((3, ""), (ended.Code, ended.Out));
        Assert.Contains($"{file}:1:20 routes.a.to: unknown upstream 'b'", ended.Error, StringComparison.Ordinal);
    }
}
