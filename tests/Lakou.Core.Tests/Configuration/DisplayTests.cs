using Lakou.Core.Configuration;
using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class DisplayTests
{
    [Fact]
    public void What_was_written_is_shown_without_secrets()
    {
        var (document, _) = Parse(
            """
            limit: { permits: 5, per: 1m, key: "${env:KEY}", burst: "${env:BURST}", store: { url: 1.2, password: hunter2 } }
            routes:
              a: { strip-prefix: false, rate-limit: { store: redis://a, pasword: hunter2 } }
              b:
            typo: { password: hunter2 }
            """,
            References(new() { ["KEY"] = "hunter2", ["BURST"] = "4711" }));

        Assert.Equal(
            """
            {"limit":{"permits":5,"per":"1m","key":"${env:KEY}","burst":"${env:BURST}","store":{"url":"1.2","password":"***"}},
            "routes":{"a":{"strip-prefix":false,"rate-limit":{"store":"redis://a","pasword":"***"}},"b":null},"typo":"***"}
            """.ReplaceLineEndings(""),
            RateLimitShapes.Root.ToDisplay(document.Root!)!.ToJsonString());
    }

    [Fact]
    public void A_secret_is_masked_whatever_its_kind()
    {
        var (document, _) = Parse("a: { b: hunter2 }\nc: [hunter2]\n");

        Assert.Equal("""{"a":"***","c":"***"}""", Shapes.Map(Shapes.List(Shapes.Text()).Secret()).ToDisplay(document.Root!)!.ToJsonString());
    }
}
