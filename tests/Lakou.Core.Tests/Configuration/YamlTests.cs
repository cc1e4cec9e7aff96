using Lakou.Core.Configuration;
using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class YamlTests
{
    [Fact]
    public void Every_node_knows_its_place_and_path()
    {
        var (document, problems) = Parse("upstreams:\n  orders:\n    endpoints:\n      - http://a\n      - { url: http://b }\n");

        Assert.False(problems.Any);
        var url = Assert.IsType<ConfigScalar>(document.Find("upstreams.orders.endpoints[1].url"));
        Assert.Equal((5, 16, "http://b", "upstreams.orders.endpoints[1].url"), (url.Line, url.Column, url.Text, url.Path));
        Assert.Same(document.Root, document.Find(""));
        Assert.Null(document.Find("upstreams.orders.endpoints[2]"));
        Assert.Null(document.Find("upstreams.orders.endpoints[1].url.more"));
    }

    [Fact]
    public void Keys_with_dots_and_spaces_are_found_by_their_path()
    {
        var (document, _) = Parse("routes:\n  api: 1\n  api.v1:\n    'a b': [x]\n");

        Assert.Equal("routes.api.v1[\"a b\"][0]", ((ConfigList)((ConfigMap)document.Find("routes.api.v1")!).Entries[0].Value).Items[0].Path);
        Assert.Equal("x", ((ConfigScalar)document.Find("routes.api.v1[\"a b\"][0]")!).Text);
    }

    [Fact]
    public void A_missing_value_stands_at_its_key()
    {
        var (document, _) = Parse("a: 1\nb:\nc: 2\n");

        var value = Assert.IsType<ConfigScalar>(document.Find("b"));
        Assert.Equal((2, 1, true), (value.Line, value.Column, value.IsNull));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("---\n")]
    [InlineData("~\n")]
    [InlineData("\uFEFF")]
    public void An_empty_file_is_an_empty_map(string text)
    {
        var (document, problems) = Parse(text);

        Assert.Empty(Assert.IsType<ConfigMap>(document.Root).Entries);
        Assert.False(problems.Any);
    }

    [Theory]
    [InlineData("a:\n\tb: 1\n", "lakou.yaml:2:1: not valid YAML: a tab indents this line; indent with spaces")]
    [InlineData("r: 1\na:\n  b: 1\n \tc: 1\n", "lakou.yaml:4:2: not valid YAML: a tab indents this line; indent with spaces")]
    [InlineData("a: { b: ${env:X} }\n", "lakou.yaml:1:10: not valid YAML: a ',' or the closing bracket is expected here; inside brackets, quote texts that hold { } [ ] , such as '${env:NAME}'")]
    [InlineData("a: 'x\n", "lakou.yaml:1:4: not valid YAML: this quote is not closed")]
    [InlineData("a: b: c\n", "lakou.yaml:1:5: not valid YAML: ': ' inside a plain text, or a line indented wrongly; quote the text if it holds ': '")]
    [InlineData("a: @x\n", "lakou.yaml:1:4: not valid YAML: a value cannot begin with this character; quote it")]
    [InlineData("a:\n  b: 1\n c: 2\n", "lakou.yaml:3:2: not valid YAML: this line does not line up with the keys above it")]
    [InlineData("- a\nb: 1", "lakou.yaml:2:1: not valid YAML: this line does not line up with the list above it")]
    [InlineData("a: \"\\q\"\n", "lakou.yaml:1:4: not valid YAML: an unknown escape in double quotes; single quotes take a backslash as it is")]
    [InlineData("a: }\n", "lakou.yaml:1:4: not valid YAML: a value is missing here")]
    [InlineData("a: [1, 2\nb: 3\n", "lakou.yaml:1:4: not valid YAML: the bracket opened here is not closed")]
    [InlineData("a: 1\n---\nb: 2\n", "lakou.yaml:2:1: a second document; one file holds one configuration")]
    [InlineData("a: 1\n\0b: 2\n", "lakou.yaml:2:1: a NUL character; is this a text file?")]
    [InlineData("? [x]\n: y\n", "lakou.yaml:1:3: a key must be a text")]
    public void What_is_not_YAML_is_told_with_its_place(string text, string problem)
    {
        Assert.Equal([problem], ProblemsOf(text));
        Assert.Null(Parse(text).Document.Root);
    }

    [Theory]
    [InlineData("a: 1\nb: 2\na: 3\n", "lakou.yaml:3:1 a: duplicate key 'a'; first on line 1")]
    [InlineData("a: !!str 1\n", "lakou.yaml:1:4 a: tags are not supported; quote a value that must stay text")]
    [InlineData("a: &x { b: 1 }\nc: { <<: *x }\n", "lakou.yaml:2:6 c.<<: merge keys ('<<') are not supported; an alias may stand for a whole value")]
    [InlineData("a: *x\n", "lakou.yaml:1:4 a: no anchor '&x' before this alias")]
    [InlineData("a: &x [ *x ]\n", "lakou.yaml:1:9 a[0]: no anchor '&x' before this alias")]
    [InlineData("'': 1\n", "lakou.yaml:1:1 [\"\"]: a key must not be empty")]
    [InlineData("a: \"\\0\"\n", "lakou.yaml:1:4 a: holds a NUL character")]
    public void What_is_YAML_but_not_ours_is_a_problem(string text, string problem)
    {
        Assert.Equal([problem], ProblemsOf(text));
        Assert.NotNull(Parse(text).Document.Root);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_not_text() => // an attribute could not hold it
        Assert.Equal(["lakou.yaml:1:4 a: holds half of a surrogate pair"], ProblemsOf("a: \"x\ud800\"\n"));

    [Fact]
    public void A_pair_in_brackets_stands_where_its_list_does()
    {
        var (document, _) = Parse("x: 1\na: [b: c]\n");

        Assert.Equal((2, 4), (document.Find("a[0]")!.Line, document.Find("a[0]")!.Column));
    }

    [Fact]
    public void The_first_of_duplicate_keys_counts()
    {
        var (document, _) = Parse("a: 1\na: 2\n");

        Assert.Equal("1", ((ConfigScalar)document.Find("a")!).Text);
    }

    [Fact]
    public void An_alias_stands_for_a_whole_value_under_its_own_path()
    {
        var (document, problems) = Parse("a: &x\n  b: [1]\nc: *x\n");

        Assert.False(problems.Any);
        var copy = document.Find("c.b[0]")!;
        Assert.Equal(("c.b[0]", 2, 7), (copy.Path, copy.Line, copy.Column));
        Assert.Equal(document.Find("a")!.Fingerprint(), document.Find("c")!.Fingerprint());
    }

    [Fact]
    public void A_billion_laughs_are_refused()
    {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + string.Concat(Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));

        Assert.Equal(["lakou.yaml:6:25: more than 500000 values, aliases expanded"], ProblemsOf(text));
    }

    [Fact]
    public void Nesting_is_bounded_also_through_aliases()
    {
        var deepest = new string('[', 64) + new string(']', 64);
        Assert.Empty(ProblemsOf(deepest));
        Assert.Equal(["lakou.yaml:1:65: nested deeper than 64 levels"], ProblemsOf($"[{deepest}]"));

        var (open, close) = (new string('[', 40), new string(']', 40));
        Assert.Equal(["lakou.yaml:2:44: nested deeper than 64 levels"], ProblemsOf($"a: &a {open}{close}\nb: {open}*a{close}\n"));
    }

    [Fact]
    public void Long_keys_are_refused()
    {
        var key = new string('k', 257);

        Assert.EndsWith(": a key must not be longer than 256 characters", Assert.Single(ProblemsOf($"{key}: 1")), StringComparison.Ordinal);
        Assert.Empty(ProblemsOf($"{key[1..]}: 1"));
    }

    [Fact]
    public void Files_that_are_too_large_or_not_text_are_refused()
    {
        var problems = new Problems();
        ConfigDocument.Parse("a.yaml", new string('#', ConfigDocument.LargestFile + 1), ReferenceSource.None, problems);
        ConfigDocument.Parse("b.yaml", [0x61, 0xFF], ReferenceSource.None, problems);
        var missing = ConfigDocument.Load("/nowhere/lakou.yaml", ReferenceSource.None, problems);

        Assert.Equal(["a.yaml: larger than 4MiB", "b.yaml: not UTF-8 text", "/nowhere/lakou.yaml: no such file"], problems.All.Select(p => p.ToString()));
        Assert.Null(missing.Root);
    }

    [Fact]
    public void A_file_is_loaded_with_its_references()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-");
        try
        {
            var (file, secret) = (Path.Combine(folder.FullName, "lakou.yaml"), Path.Combine(folder.FullName, "secret"));
            File.WriteAllText(file, "a: ${file:secret}\nb: ${file:.}\n");
            File.WriteAllText(secret, "s3cret\n");
            var problems = new Problems();

            var document = ConfigDocument.Load(file, ReferenceSource.System, problems);

            Assert.Equal("s3cret", ((ConfigScalar)document.Find("a")!).Text);
            Assert.Equal([secret, folder.FullName], document.Files);
            Assert.Equal([$"{file}:2:4 b: file '.': it is a directory"], problems.All.Select(p => p.ToString()));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
