using System.Globalization;
using Lakou.Core.Faults;

namespace Lakou.Http.Tests.Messages;

/// <summary>
/// Messages as files under Corpus/: <c>valid-what.http</c>, <c>more-what.http</c> (good so far, cut off) and <c>invalid-what.http</c>, which for
/// requests and their bodies names the status of the answer: <c>invalid-400-what.http</c>. A valid file ends with its head, or its chunked body.
/// </summary>
internal static class Corpus
{
    public static TheoryData<string> Names(string folder) =>
        [.. Directory.EnumerateFiles(Folder(folder)).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];

    public static byte[] Read(string folder, string name) => File.ReadAllBytes(Path.Combine(Folder(folder), name));

    public static byte[][] ReadAll(string folder, string prefix = "") =>
        [.. Names(folder).Select(row => row.Data).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => Read(folder, name))];

    public static void AssertExpected(string name, int length, ParseStatus status, int consumed, Fault? error)
    {
        var parts = name.Split('-');
        var expected = parts[0] switch { "valid" => ParseStatus.Done, "more" => ParseStatus.NeedMore, _ => ParseStatus.Invalid };
        Assert.Equal(expected, status);
        Assert.Equal(expected == ParseStatus.Invalid, error is not null);
        if (expected == ParseStatus.Done)
        {
            Assert.Equal(length, consumed);
        }

        if (expected == ParseStatus.Invalid)
        {
            Assert.Equal(int.Parse(parts[1], CultureInfo.InvariantCulture), error!.Code.Status);
        }
    }

    private static string Folder(string folder) => Path.Combine(AppContext.BaseDirectory, "Corpus", folder);
}
