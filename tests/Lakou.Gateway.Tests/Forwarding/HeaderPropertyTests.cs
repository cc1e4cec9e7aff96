using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>What arrives is what was sent minus the documented removals, for any set of fields, in order.</summary>
public sealed class HeaderPropertyTests
{
    // Names that mean something here, names that nearly do, and plain ones in several spellings.
    private static readonly string[] Names =
    [
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Proxy-Authorization", "Proxy-Authenticate", "HTTP2-Settings", "Upgrade",
        "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Anything", "Forwarded", "Expect",
        "traceparent", "tracestate", "X-Forwarded", "Forward", "Connections", "X-Under_Score", "_", "Cookie", "Accept", "accept", "Authorization",
        "X-A", "x-a", "X-B", "!#$%&'*+-.^`|~", "Content-Type", "Cache-Control", "User-Agent",
    ];

    private static readonly string[] Gone =
    [
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Proxy-Authorization", "Proxy-Authenticate", "HTTP2-Settings", "Upgrade",
        "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Expect", "traceparent", "tracestate",
    ];

    private static readonly Gen<(string Name, string Value)> Line =
        from name in Gen.Elements(Names)
        from value in name == "Connection"
            ? Gen.Elements("close", "keep-alive").Select(_ => "keep-alive").Or(Gen.Elements(Names).Where(n => n is not "Upgrade").ListOf(2).Select(list => string.Join(" , ", list)))
            : Gen.Elements(" !\"#%,;=azAZ09\u0080\u00e9\u00ff\t".ToCharArray()).ArrayOf().Select(chars => new string(chars).Trim(' ', '\t'))
        select (name, value);

    [Fact]
    public async Task Fields_arrive_as_sent_but_for_the_documented_removals()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await AnswerAsync();
        Prop.ForAll(Line.ListOf().Where(lines => lines.Count < 60).ToArbitrary(), async lines =>
        {
            await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\n{string.Concat(lines.Select(line => $"{line.Name}: {line.Value}\r\n"))}\r\n");
            var head = await endpoint.ReadHeadAsync();
            await AnswerAsync();
            var received = head.Split("\r\n")[2..^2];
            var expected = Expected(lines);
            Assert.Equal(expected, received[..expected.Length]);
            Assert.Equal(
                ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via", "traceparent"],
                received[expected.Length..].Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]));
        }).QuickCheckThrowOnFailure();

        async Task AnswerAsync()
        {
            await endpoint.SendAsync("HTTP/1.1 204 No Content\r\n\r\n");
            await client.ReadHeadAsync();
        }
    }

    private static string[] Expected(IEnumerable<(string Name, string Value)> lines)
    {
        var all = lines.ToArray();
        var nominated = all.Where(line => line.Name == "Connection").SelectMany(line => line.Value.Split(',', StringSplitOptions.TrimEntries)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return
        [
            .. all.Where(line => !Gone.Contains(line.Name, StringComparer.OrdinalIgnoreCase)
                && !nominated.Contains(line.Name)
                && !line.Name.Contains('_', StringComparison.Ordinal)
                && !line.Name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
                .Select(line => $"{line.Name}: {line.Value}"),
        ];
    }
}
