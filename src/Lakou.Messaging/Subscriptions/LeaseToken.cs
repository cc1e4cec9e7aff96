using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>
/// What a worker shows to finish an event: its place, and the LSN of the record that gave it out. Each time it is given out it has another, so a worker
/// that lost its lease cannot finish what another has now (a fencing token). As text: <c>3-1f-2a</c>, partition, offset, LSN in hexadecimal.
/// </summary>
internal readonly record struct LeaseToken(EventPlace Place, ulong Lsn)
{
    public static bool TryParse([NotNullWhen(true)] string? text, out LeaseToken token)
    {
        token = default;
        if (text is null || text.Length > 40)
        {
            return false;
        }

        Span<Range> parts = stackalloc Range[4];
        if (text.AsSpan().Split(parts, '-') != 3
            || !ushort.TryParse(text.AsSpan()[parts[0]], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var partition)
            || !ulong.TryParse(text.AsSpan()[parts[1]], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var offset)
            || !ulong.TryParse(text.AsSpan()[parts[2]], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var lsn)
            || offset >> 48 != 0)
        {
            return false;
        }

        token = new(new(partition, offset), lsn);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Place.Partition:x}-{Place.Offset:x}-{Lsn:x}");
}
