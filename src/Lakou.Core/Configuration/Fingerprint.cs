using System.Buffers;
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
        var form = new ArrayBufferWriter<byte>();
        Append(form, node);
        return Convert.ToHexStringLower(SHA256.HashData(form.WrittenSpan));
    }

    private static void Append(ArrayBufferWriter<byte> form, ConfigNode node)
    {
        switch (node)
        {
            case ConfigScalar { IsNull: true }:
                Header(form, 0, 0);
                break;
            case ConfigScalar scalar:
                Append(form, scalar.Text);
                break;
            case ConfigList list:
                Header(form, 2, list.Items.Count);
                foreach (var item in list.Items)
                {
                    Append(form, item);
                }

                break;
            case ConfigMap map:
                Header(form, 3, map.Entries.Count);
                foreach (var entry in map.Entries.OrderBy(e => e.Name, StringComparer.Ordinal))
                {
                    Append(form, entry.Name);
                    Append(form, entry.Value);
                }

                break;
        }
    }

    private static void Append(ArrayBufferWriter<byte> form, string text)
    {
        Header(form, 1, text.Length);
        form.Write(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private static void Header(ArrayBufferWriter<byte> form, byte kind, int length)
    {
        Span<byte> header = stackalloc byte[5];
        header[0] = kind;
        BinaryPrimitives.WriteInt32LittleEndian(header[1..], length);
        form.Write(header);
    }
}
