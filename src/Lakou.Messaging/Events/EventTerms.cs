using System.Text;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>How large events may be. The defaults are those of the documentation: an event 1 MiB, a batch 8 MiB.</summary>
/// <param name="EventBytes">One frame without its head: attributes and data.</param>
/// <param name="BatchBytes">A request's body, and the frames that come of it, together.</param>
internal readonly record struct EventLimits(int EventBytes, int BatchBytes)
{
    public static readonly EventLimits Default = new(1024 * 1024, 8 * 1024 * 1024);

    /// <summary>Attributes of one event, <c>id</c>, <c>source</c> and <c>type</c> among them; the specification asks for few and small ones.</summary>
    public const int MostAttributes = 64;

    /// <summary>Names and values of one event's attributes together.</summary>
    public const int MostAttributeBytes = 64 * 1024;

    /// <summary>An id is a key of the dedup window.</summary>
    public const int LongestId = 1024;

    /// <summary>Levels of arrays and objects in data: what System.Text.Json, and with it many readers, takes by default.</summary>
    public const int DeepestData = 64;
}

/// <summary>What a topic asks of the events that come in.</summary>
internal sealed class EventTerms
{
    /// <param name="key">The attribute whose value is an event's key: <c>subject</c>, <c>type</c> or an extension's name; null when events have none.</param>
    /// <param name="source">For bodies that are not CloudEvents and name none: <c>/topics/orders</c>.</param>
    /// <param name="type">Likewise: <c>orders.event</c>.</param>
    public EventTerms(string? key, string source, string type, TimeProvider time, EventLimits? limits = null)
    {
        (Key, Source, Type) = (key is null ? [] : Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(source), Encoding.UTF8.GetBytes(type));
        (Time, Limits) = (time, limits ?? EventLimits.Default);
        ThrowIfWrong(AttributeRules.Check("source"u8, Source, AttributeType.String, out _), nameof(source));
        ThrowIfWrong(AttributeRules.Check("type"u8, Type, AttributeType.String, out _), nameof(type));
    }

    /// <summary>Empty when events have no key.</summary>
    public byte[] Key { get; }

    public byte[] Source { get; }

    public byte[] Type { get; }

    public TimeProvider Time { get; }

    public EventLimits Limits { get; }

    /// <summary>Whether an event that comes again is to be known by its <c>source</c> and <c>id</c>.</summary>
    public bool IsDeduplicated { get; init; } = true;

    private static void ThrowIfWrong(Fault? fault, string parameter)
    {
        if (fault is not null)
        {
            throw new ArgumentException(fault.Detail, parameter);
        }
    }
}
