using System.Text.Unicode;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>What the bytes of an event's data are, by the media type stated of them.</summary>
internal static class DataKinds
{
    /// <summary>Adds bytes as they are: JSON, which is checked, text where the media type says so and it is UTF-8, or bytes.</summary>
    public static Fault? Add(scoped ref FrameBuilder builder, MediaType media, scoped ReadOnlySpan<byte> data)
    {
        if (media.Kind == MediaKind.Json && JsonText.Check(data) is { } fault)
        {
            return fault;
        }

        builder.AddData(data, KindOf(media, data));
        return null;
    }

    public static FrameFlags KindOf(MediaType media, ReadOnlySpan<byte> data) => media.Kind switch
    {
        MediaKind.Json => FrameFlags.Json,
        MediaKind.Text when media.IsUtf8 && Utf8.IsValid(data) => FrameFlags.Text,
        _ => FrameFlags.None,
    };
}
