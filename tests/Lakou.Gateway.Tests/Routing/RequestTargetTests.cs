using Lakou.Core.Faults;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

public sealed class RequestTargetTests
{
    private static readonly TargetRules EncodedSlashAllowed = new() { AllowEncodedSlash = true };
    private static readonly TargetRules SlashesKept = new() { MergeSlashes = false };

    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/a/b/", "/a/b/")]
    [InlineData("/a//b///c", "/a/b/c")]
    [InlineData("//", "/")]
    [InlineData("//a", "/a")]
    [InlineData("/a//", "/a/")]
    [InlineData("/a/./b", "/a/b")]
    [InlineData("/a/.", "/a/")]
    [InlineData("/a/..", "/")]
    [InlineData("/a/b/..", "/a/")]
    [InlineData("/a/b/../", "/a/")]
    [InlineData("/a/b/../../c", "/c")]
    [InlineData("/..", "/")]
    [InlineData("/../../etc/passwd", "/etc/passwd")]
    [InlineData("/a//../b", "/b")]
    [InlineData("/a/%2e%2E/b", "/b")]
    [InlineData("/a/.%2e/b", "/b")]
    [InlineData("/a/%2e", "/a/")]
    [InlineData("/.well-known/x", "/.well-known/x")]
    [InlineData("/...", "/...")]
    [InlineData("/a/..;/b", "/a/..;/b")]
    [InlineData("/a/..;x=1/b", "/a/..;x=1/b")]
    [InlineData("/a/.hidden/..b/b..", "/a/.hidden/..b/b..")]
    public void Dot_segments_and_double_slashes_go_and_the_trailing_slash_stays(string raw, string expected)
    {
        var target = Parse(raw);

        Assert.Equal(expected, target.Path.ToString());
        Assert.Equal(expected, target.EncodedPath.ToString());
    }

    [Theory]
    [InlineData("/a//b", "/a//b")]
    [InlineData("/a//../b", "/a/b")]
    [InlineData("//..//x", "//x")]
    [InlineData("//", "//")]
    public void Double_slashes_stay_where_they_are_not_merged(string raw, string expected) =>
        Assert.Equal(expected, Parse(raw, SlashesKept).EncodedPath.ToString());

    [Theory]
    [InlineData("/%61%7E", "/a~", "/a~")]
    [InlineData("/a%20b", "/a b", "/a%20b")]
    [InlineData("/100%25", "/100%", "/100%25")]
    [InlineData("/%252e%252e/", "/%2e%2e/", "/%252e%252e/")]
    [InlineData("/%3f", "/?", "/%3F")]
    [InlineData("/%2b+", "/++", "/%2B+")]
    [InlineData("/%c3%a9", "/é", "/%C3%A9")]
    [InlineData("/%F0%9F%98%80", "/😀", "/%F0%9F%98%80")]
    [InlineData("/{id}|\"<>^`", "/{id}|\"<>^`", "/%7Bid%7D%7C%22%3C%3E%5E%60")]
    [InlineData("/[a]", "/[a]", "/%5Ba%5D")]
    [InlineData("/a;v=1,2:@!$&'()*", "/a;v=1,2:@!$&'()*", "/a;v=1,2:@!$&'()*")]
    [InlineData("/a%3bb", "/a;b", "/a%3Bb")]
    public void Escapes_are_decoded_once_for_matching_and_written_canonically_for_forwarding(string raw, string path, string encoded)
    {
        var target = Parse(raw);

        Assert.Equal(path, target.Path.ToString());
        Assert.Equal(encoded, target.EncodedPath.ToString());
        Assert.Equal(encoded, PathOf(Parse(encoded)));
    }

    [Theory]
    [InlineData("/a%2fb", "encoded slash at offset 2")]
    [InlineData("/a%2Fb", "encoded slash at offset 2")]
    [InlineData("/a%5cb", "encoded backslash at offset 2")]
    [InlineData("/a\\b", "'\\' at offset 2")]
    [InlineData("/a%00", "%00 at offset 2")]
    [InlineData("/%0a", "%0A at offset 1")]
    [InlineData("/%1F", "%1F at offset 1")]
    [InlineData("/%7f", "%7F at offset 1")]
    [InlineData("/%C2%85", "U+0085 at offset 1")]
    [InlineData("/a\0", "U+0000 at offset 2")]
    [InlineData("/a\t", "U+0009 at offset 2")]
    [InlineData("/a b", "U+0020 at offset 2")]
    [InlineData("/é", "U+00E9 at offset 1")]
    [InlineData("/a#b", "'#' at offset 2")]
    [InlineData("/%zz", "offset 1 is not '%' and two hexadecimal digits: '%zz'")]
    [InlineData("/%2", "offset 1 is not '%' and two hexadecimal digits: '%2'")]
    [InlineData("/%", "offset 1 is not '%' and two hexadecimal digits: '%'")]
    [InlineData("/%?a", "offset 1 is not '%'")]
    [InlineData("/%+1", "offset 1 is not '%'")]
    [InlineData("/%c0%af", "%C0 at offset 1 are not UTF-8")]
    [InlineData("/%e0%80%af", "%E0 at offset 1 are not UTF-8")]
    [InlineData("/%f0%80%80%af", "%F0 at offset 1 are not UTF-8")]
    [InlineData("/%c0%ae%c0%ae/", "%C0 at offset 1 are not UTF-8")]
    [InlineData("/%ed%a0%80", "%ED at offset 1 are not UTF-8")]
    [InlineData("/%f4%90%80%80", "%F4 at offset 1 are not UTF-8")]
    [InlineData("/%80", "%80 at offset 1 are not UTF-8")]
    [InlineData("/%c3x", "%C3 at offset 1 are not UTF-8")]
    [InlineData("/%c3", "%C3 at offset 1 are not UTF-8")]
    [InlineData("http://h/a%2fb", "encoded slash at offset 10")]
    public void A_path_without_one_clear_meaning_is_refused_with_its_place(string raw, string detail)
    {
        var fault = Refused(raw);

        Assert.Same(RoutingFaults.BadPath, fault.Code);
        Assert.Equal(400, fault.Code.Status);
        Assert.Contains(detail, fault.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void An_allowed_encoded_slash_stays_inside_its_segment()
    {
        var target = Parse("/a%2fb/%2e%2e%2fc/..%2F", EncodedSlashAllowed);

        Assert.Equal("/a\u001Fb/..\u001Fc/..\u001F", target.Path.ToString());
        Assert.Equal("/a%2Fb/..%2Fc/..%2F", target.EncodedPath.ToString());
    }

    [Fact]
    public void A_doubly_encoded_slash_is_not_an_encoded_slash()
    {
        var target = Parse("/a%252fb");

        Assert.Equal("/a%2fb", target.Path.ToString());
        Assert.Equal("/a%252fb", target.EncodedPath.ToString());
    }

    [Theory]
    [InlineData("/a?x=1&y=%zz", "/a", "?x=1&y=%zz")]
    [InlineData("/a/../b?x=/../y//z", "/b", "?x=/../y//z")]
    [InlineData("/a?", "/a", "?")]
    [InlineData("/a??b", "/a", "??b")]
    [InlineData("/%61?b\\\"<>%2f", "/a", "?b\\\"<>%2f")]
    public void The_query_is_kept_byte_for_byte(string raw, string path, string query)
    {
        var target = Parse(raw);

        Assert.Equal(path, target.EncodedPath.ToString());
        Assert.Equal(query, target.Query.ToString());
        Assert.Equal(path + query, target.Forwarded);
    }

    [Theory]
    [InlineData("/a?b#c", "'#' at offset 4")]
    [InlineData("/a?b c", "U+0020 at offset 4")]
    [InlineData("/a?\n", "U+000A at offset 3")]
    [InlineData("/a?é", "U+00E9 at offset 3")]
    [InlineData("/%61?\u007f", "U+007F at offset 5")]
    public void A_query_with_a_character_that_may_not_be_sent_is_refused(string raw, string detail)
    {
        var fault = Refused(raw);

        Assert.Same(RoutingFaults.BadQuery, fault.Code);
        Assert.Contains(detail, fault.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://Example.org:8080/a/../b?c", "Example.org:8080", "/b", "?c")]
    [InlineData("HTTPS://h", "h", "/", "")]
    [InlineData("http://h?x", "h", "/", "?x")]
    [InlineData("http://[::1]:80/", "[::1]:80", "/", "")]
    public void Absolute_form_gives_its_authority_and_is_forwarded_as_origin_form(string raw, string authority, string path, string query)
    {
        var target = Parse(raw);

        Assert.Equal(TargetForm.Absolute, target.Form);
        Assert.Equal(authority, target.Authority.ToString());
        Assert.Equal(path, target.Path.ToString());
        Assert.Equal(path + query, target.Forwarded);
    }

    [Theory]
    [InlineData("")]
    [InlineData("example.org:443")]
    [InlineData("a")]
    [InlineData("**")]
    [InlineData("?a")]
    [InlineData("http://")]
    [InlineData("http:///a")]
    [InlineData("http:/a")]
    [InlineData("http://user@h/")]
    [InlineData("http://h\\@x/")]
    [InlineData("http://h#x/")]
    [InlineData("ftp://h/")]
    public void Other_forms_are_refused(string raw) => Assert.Same(RoutingFaults.BadTarget, Refused(raw).Code);

    [Fact]
    public void The_asterisk_is_a_form_of_its_own()
    {
        var target = Parse("*");

        Assert.Equal(TargetForm.Asterisk, target.Form);
        Assert.Equal("*", target.Forwarded);
    }

    [Theory]
    [InlineData("/orders/17/items")]
    [InlineData("/.well-known/a..b/...")]
    [InlineData("/orders?page=2&sort=%2Fname")]
    public void A_target_in_normal_form_is_sliced_and_not_copied(string raw)
    {
        Assert.True(RequestTarget.TryParse(raw, TargetRules.Default, out var target, out _)); // warm
        var before = GC.GetAllocatedBytesForCurrentThread();
        _ = RequestTarget.TryParse(raw, TargetRules.Default, out target, out _);
        var forwarded = target.Forwarded;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
        Assert.Same(raw, forwarded);
    }

    [Fact]
    public void Every_prefix_of_a_target_is_parsed_or_refused()
    {
        const string Whole = "http://[::1]:8080/a%20b/%C3%A9/%F0%9F%98%80/./../..;x/%7e//?q=%zz&r";
        for (var length = 0; length <= Whole.Length; length++)
        {
            foreach (var prefix in (string[])[Whole[..length], Whole[17..Math.Max(17, length)]])
            {
                if (RequestTarget.TryParse(prefix, TargetRules.Default, out var target, out var fault))
                {
                    TargetInvariants.Check(target, TargetRules.Default);
                }
                else
                {
                    Assert.Equal(FaultParty.Client, fault.Code.Party);
                }
            }
        }
    }

    [Theory]
    [InlineData("/a b/é", "/a%20b/%C3%A9")]
    [InlineData("/a\u001Fb/100%", "/a%2Fb/100%25")]
    [InlineData("/x;y=1/?#", "/x;y=1/%3F%23")]
    public void A_decoded_path_can_be_written_again(string decoded, string encoded) =>
        Assert.Equal(encoded, PathCharacters.Escape(decoded));

    private static string PathOf(RequestTarget target) => target.EncodedPath.ToString();

    private static RequestTarget Parse(string raw, TargetRules? rules = null)
    {
        Assert.True(RequestTarget.TryParse(raw, rules ?? TargetRules.Default, out var target, out var fault), fault?.ToString());
        TargetInvariants.Check(target, rules ?? TargetRules.Default);
        return target;
    }

    private static Fault Refused(string raw)
    {
        Assert.False(RequestTarget.TryParse(raw, TargetRules.Default, out var target, out var fault), $"accepted as {target.EncodedPath}");
        return fault;
    }
}
