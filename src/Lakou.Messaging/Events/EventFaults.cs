using System.Globalization;
using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

internal static class EventFaults
{
    public static readonly FaultCode Malformed = new("event/malformed", FaultParty.Client, 400, "What was sent is not an event");
    public static readonly FaultCode TooLarge = new("event/too-large", FaultParty.Client, 413, "An event or a batch is larger than allowed");
    public static readonly FaultCode UnsupportedMediaType = new("event/unsupported-media-type", FaultParty.Client, 415, "Events are not read from this media type");
    public static readonly FaultCode BadFilter = new("event/bad-filter", FaultParty.Client, 400, "The filter cannot be understood");

    private const int LongestShown = 60;

    /// <summary>The same fault, said of a place: <c>[2].time: what is wrong; what would be right</c>.</summary>
    public static Fault At(this Fault fault, string place) => fault with { Detail = $"{place}: {fault.Detail}" };

    /// <summary>How a message quotes what a client sent: clipped, on one line, nothing hidden in it.</summary>
    public static string Show(ReadOnlySpan<byte> utf8)
    {
        var shown = new StringBuilder("'");
        foreach (var c in Encoding.UTF8.GetString(utf8[..Math.Min(utf8.Length, LongestShown)]))
        {
            var isPlain = c >= ' ' && char.GetUnicodeCategory(c) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate);
            shown = isPlain ? shown.Append(c) : shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return (utf8.Length > LongestShown ? shown.Append('…') : shown).Append('\'').ToString();
    }

    public static string Show(string text) => Show(Encoding.UTF8.GetBytes(text[..Math.Min(text.Length, LongestShown + 1)]));
}
