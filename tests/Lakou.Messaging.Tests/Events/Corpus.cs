using System.Runtime.CompilerServices;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Messaging.Tests.Events;

/// <summary>
/// Requests as files under corpus/: header lines, an empty line, the body; lines end in LF. <c>valid-what.http</c>, and <c>invalid-400-what.http</c> with
/// the status of the refusal. What once went wrong is put here.
/// </summary>
internal static class Corpus
{
    public static TheoryData<string> Names => [.. Directory.EnumerateFiles(Folder()).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];

    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(Folder(), name));

    public static byte[][] All { get; } = [.. Names.Select(row => Read(row.Data))];

    /// <summary>Reads any bytes as such a file; a line without a colon is no header.</summary>
    public static Fault? Feed(ReadOnlySpan<byte> file, EventBatch into, EventTerms? terms = null)
    {
        var end = file.IndexOf("\n\n"u8);
        var head = Encoding.Latin1.GetString(end < 0 ? file : file[..end]);
        IHeaderDictionary headers = new HeaderDictionary();
        foreach (var line in head.Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                var name = line[..colon];
                headers[name] = StringValues.Concat(headers[name], line[(colon + 1)..].Trim());
            }
        }

        var contentType = headers.ContentType.Count > 0 ? headers.ContentType.ToString() : null;
        return Reading.Read(into, contentType, end < 0 ? [] : file[(end + 2)..].ToArray(), terms, headers);
    }

    private static string Folder([CallerFilePath] string path = "") => Path.Combine(Path.GetDirectoryName(path)!, "corpus");
}
