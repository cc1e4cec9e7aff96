using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

/// <summary>What holds for every target that was accepted.</summary>
internal static class TargetInvariants
{
    public static void Check(RequestTarget target, TargetRules rules)
    {
        if (target.Form == TargetForm.Asterisk)
        {
            return;
        }

        var path = target.Path.ToString();
        var encoded = target.EncodedPath.ToString();

        Assert.StartsWith("/", path, StringComparison.Ordinal);
        Assert.DoesNotContain(path.Split('/'), segment => segment is "." or "..");
        Assert.DoesNotContain(path, c => c is '\\' || (char.IsControl(c) && c != RequestTarget.EncodedSlash));
        Assert.All(encoded, c => Assert.True(c is > ' ' and < '\u007f' and not '\\' and not '#' and not '?'));
        if (!rules.AllowEncodedSlash)
        {
            Assert.DoesNotContain(RequestTarget.EncodedSlash, path);
        }

        if (rules.MergeSlashes)
        {
            Assert.DoesNotContain("//", path, StringComparison.Ordinal);
        }

        // Decoded by another implementation, segment by segment.
        var decoded = encoded.Split('/').Select(segment => Uri.UnescapeDataString(segment).Replace('/', RequestTarget.EncodedSlash));
        Assert.Equal(path, string.Join('/', decoded));

        // Normalising again is the identity, and changes nothing about the query.
        Assert.True(RequestTarget.TryParse(target.Forwarded, rules, out var again, out _));
        Assert.Equal(encoded, again.EncodedPath.ToString());
        Assert.Equal(path, again.Path.ToString());
        Assert.Equal(target.Query.ToString(), again.Query.ToString());
    }
}
