using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Lakou.Core.Configuration;

/// <summary>
/// Hashes the canonical form of a node, in which every part says its length first, so that no two contents share one form:
/// <code>
/// nothing  0
/// scalar   1  units u32  UTF-16 text
/// list     2  count u32  items…
/// map      3  count u32  (key as scalar, value)… by key, ordinal
/// </code>
/// </summary>
internal static class Fingerprint
{
    public static string Of(ConfigNode node)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, node);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, ConfigNode node)
    {
        switch (node)
        {
            case ConfigScalar { IsNull: true }:
                Header(hash, 0, 0);
                break;
            case ConfigScalar scalar:
                Append(hash, scalar.Text);
                break;
            case ConfigList list:
                Header(hash, 2, list.Items.Count);
                foreach (var item in list.Items)
                {
                    Append(hash, item);
                }

                break;
            case ConfigMap map:
                Header(hash, 3, map.Entries.Count);
                foreach (var entry in map.Entries.OrderBy(e => e.Name, StringComparer.Ordinal))
                {
                    Append(hash, entry.Name);
                    Append(hash, entry.Value);
                }

                break;
        }
    }

    private static void Append(IncrementalHash hash, string text)
    {
        Header(hash, 1, text.Length);
        hash.AppendData(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private static void Header(IncrementalHash hash, byte kind, int length)
    {
        Span<byte> header = stackalloc byte[5];
        header[0] = kind;
        BinaryPrimitives.WriteInt32LittleEndian(header[1..], length);
        hash.AppendData(header);
    }
}
