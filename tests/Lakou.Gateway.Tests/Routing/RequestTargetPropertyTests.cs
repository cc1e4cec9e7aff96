using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

public sealed class RequestTargetPropertyTests
{
    private static readonly string[] Pieces =
    [
        "/", "/", "/", "//", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", "%00", "%", "%2", "%25", "%252e", "%c3%a9", "%c0%ae", "%e0%80%af",
        "%ed%a0%80", "%f0%9f%98%80", "%C2%80", ";", "..;", "a", "b", "A", "~", "%61", "%7E", "%zz", "?", "#", " ", "é", "\t", "\u007f", "{", "}", "\"", "+", "%2B", "%3F", "*", "http://h", "@",
    ];

    [Fact]
    public void Whatever_is_accepted_has_one_meaning()
    {
        var targets = Gen.Elements(Pieces).ListOf().Select(pieces => "/" + string.Concat(pieces));
        Check(targets);
    }

    [Fact]
    public void Harmless_pieces_in_any_order_have_one_meaning()
    {
        // The list above is refused most of the time; this one never, so that the rules for segments meet each other.
        string[] harmless = ["/", "/", ".", "%2e", "..", "a", "%61", "%25", "%c3%a9", ";", "\"", "%3F", "%3b", "?", "%20"];
        var targets = Gen.Elements(harmless).ListOf().Select(pieces => "/" + string.Concat(pieces));

        Check(targets);
        Prop.ForAll(targets.ToArbitrary(), raw => RequestTarget.TryParse(raw, TargetRules.Default, out _, out _)).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_text_is_accepted_or_refused_and_never_thrown_at()
    {
        var texts = ArbMap.Default.GeneratorFor<string>().Where(text => text is not null);
        Check(texts);
        Check(texts.Select(text => "/" + text));
    }

    [Fact]
    public void Whether_slashes_are_merged_does_not_change_what_is_refused()
    {
        var targets = Gen.Elements(Pieces).ListOf().Select(pieces => "/" + string.Concat(pieces));
        Prop.ForAll(targets.ToArbitrary(), raw =>
            RequestTarget.TryParse(raw, TargetRules.Default, out _, out _)
            == RequestTarget.TryParse(raw, new TargetRules { MergeSlashes = false }, out _, out _)).QuickCheckThrowOnFailure();
    }

    private static void Check(Gen<string> targets)
    {
        var rules =
            from slash in Gen.Elements(true, false)
            from merge in Gen.Elements(true, false)
            select new TargetRules { AllowEncodedSlash = slash, MergeSlashes = merge };

        var cases = from raw in targets from rule in rules select (raw, rule);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            if (RequestTarget.TryParse(one.raw, one.rule, out var target, out var fault))
            {
                TargetInvariants.Check(target, one.rule);
            }
            else
            {
                Assert.Equal(400, fault.Code.Status);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }
}
