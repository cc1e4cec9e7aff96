using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Lakou.Core.Configuration;

/// <summary>Reads a file of bounded size; what goes wrong is told in words.</summary>
internal static class TextFile
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool TryRead(string path, int largest, [NotNullWhen(true)] out byte[]? bytes, [NotNullWhen(false)] out string? why)
    {
        (bytes, why) = (null, null);
        try
        {
            // Reads to the end rather than trusting a length: /proc and pipes have none, /dev/zero has no end.
            using var file = File.OpenRead(path);
            using var content = new MemoryStream();
            var block = new byte[64 * 1024];
            for (int read; content.Length <= largest && (read = file.Read(block)) > 0;)
            {
                content.Write(block, 0, read);
            }

            bytes = content.Length <= largest ? content.ToArray() : null;
            why = bytes is null ? $"larger than {Sizes.Format(largest)}" : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            why = "no such file";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            why = Directory.Exists(path) ? "it is a directory" : e is UnauthorizedAccessException ? "permission denied" : "it cannot be read";
        }

        return bytes is not null;
    }

    /// <summary>UTF-8 without its byte order mark.</summary>
    public static Referenced Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return new(Strict.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes));
        }
        catch (DecoderFallbackException)
        {
            return new(null, "not UTF-8 text");
        }
    }
}
