using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Golden;

/// <summary>
/// One text file a case: a configuration, what a client sends, what the endpoint must receive and answers, what the client
/// must receive. <c>UPDATE_GOLDEN=1</c> rewrites what must be received. Lines end in CRLF on the wire; <c>\</c> at the end of a line
/// joins it with the next, <c>\n</c> is a bare LF, and what changes from run to run has a name in braces.
/// </summary>
public sealed partial class GoldenTests
{
    public static TheoryData<string> Cases => [.. Directory.GetFiles(Folder(), "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Bytes_are_as_written(string name)
    {
        var path = Path.Combine(Folder(), name + ".txt");
        var file = await GoldenCase.ReadAsync(path);
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync(file["configuration"].Replace("{endpoint}", upstream.Url, StringComparison.Ordinal), new ManualTime());
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        var request = GoldenCase.Decode(file["request"]);
        await client.SendAsync(request);
        if (file.Has("endpoint receives"))
        {
            using var endpoint = await upstream.AcceptAsync();
            var received = await ReadMessageAsync(endpoint, hasBody: true);
            file.Expect("endpoint receives", received, upstream.Url);
            await endpoint.SendAsync(GoldenCase.Decode(file["endpoint answers"]));
            endpoint.ShutdownSend();
        }

        file.Expect("client receives", await ReadMessageAsync(client, hasBody: !request.StartsWith("HEAD", StringComparison.Ordinal)), upstream.Url);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            await file.WriteAsync(path);
        }
    }

    private static async Task<string> ReadMessageAsync(RawPeer peer, bool hasBody)
    {
        var message = new StringBuilder();
        while (true)
        {
            var head = await peer.ReadHeadAsync();
            message.Append(head);
            if (head.StartsWith("HTTP/1.1 1", StringComparison.Ordinal))
            {
                continue;
            }

            if (hasBody && !head.StartsWith("HTTP/1.1 304", StringComparison.Ordinal))
            {
                if (head.Contains("\r\nTransfer-Encoding: chunked\r\n", StringComparison.Ordinal))
                {
                    string line;
                    do
                    {
                        message.Append(line = await peer.ReadToAsync("\r\n"));
                        var size = Convert.ToInt32(line.TrimEnd(), 16);
                        message.Append(size > 0 ? await peer.ReadAsync(size + 2) : "");
                    }
                    while (line != "0\r\n");
                    do
                    {
                        message.Append(line = await peer.ReadToAsync("\r\n"));
                    }
                    while (line != "\r\n");
                }
                else if (Length().Match(head) is { Success: true } length)
                {
                    message.Append(await peer.ReadAsync(int.Parse(length.Groups["bytes"].Value)));
                }
            }

            return message.ToString();
        }
    }

    private static string Folder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    [GeneratedRegex("\r\nContent-Length: (?<bytes>[0-9]+)\r\n", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Length();
}
