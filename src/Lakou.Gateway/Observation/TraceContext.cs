using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Observation;

/// <summary>
/// Where a request stands in a distributed trace (W3C Trace Context, levels 1 and 2).
/// <code>
/// traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
///              version  trace-id (16 bytes)         parent-id        flags: 1 sampled, 2 random trace-id
/// </code>
/// </summary>
public readonly struct TraceContext
{
    /// <summary>Characters of a version 00 <c>traceparent</c>.</summary>
    public const int TraceparentLength = 55;

    /// <summary>Characters of a trace id.</summary>
    public const int TraceIdLength = 32;

    internal const byte SampledFlag = 1;
    internal const byte RandomFlag = 2;

    private readonly ulong _traceHigh;
    private readonly ulong _traceLow;
    private readonly byte _flags;

    internal TraceContext(ulong traceHigh, ulong traceLow, ulong parentId, ulong spanId, byte flags, string? state)
    {
        _traceHigh = traceHigh;
        _traceLow = traceLow;
        ParentId = parentId;
        SpanId = spanId;
        _flags = flags;
        State = state;
    }

    /// <summary>Whether there is a trace: false only for <c>default</c>.</summary>
    public bool Exists => (_traceHigh | _traceLow) != 0;

    /// <summary>The span id of the sender; 0 when the trace starts here.</summary>
    public ulong ParentId { get; }

    /// <summary>The span id of this hop, which is the parent-id in the <c>traceparent</c> written from here.</summary>
    public ulong SpanId { get; }

    /// <summary>The checked <c>tracestate</c> to pass on as one field line; null when there is none.</summary>
    public string? State { get; }

    /// <summary>The sender may have recorded this trace.</summary>
    public bool Sampled => (_flags & SampledFlag) != 0;

    /// <summary>The last 7 bytes of the trace id are random (level 2). Never changed on the way.</summary>
    public bool RandomTraceId => (_flags & RandomFlag) != 0;

    internal byte Flags => _flags;

    /// <summary>A new trace with random ids. Not sampled: nothing was recorded (§ sampled flag).</summary>
    public static TraceContext Start()
    {
        Span<ulong> ids = stackalloc ulong[3];
        do
        {
            Random.Shared.NextBytes(MemoryMarshal.AsBytes(ids));
        }
        while (ids.Contains(0ul));
        return new(ids[0], ids[1], 0, ids[2], RandomFlag, null);
    }

    /// <summary>As with strings, from the fields of a request.</summary>
    public static TraceContext Continue(IHeaderDictionary fields)
        => fields is FieldTable table && !table.Contains(KnownField.Traceparent) ? Start() : Continue(fields.TraceParent, fields.TraceState);

    /// <summary>
    /// Continues the trace of a request under a span id of its own; starts a new one when <c>traceparent</c> is missing, invalid or there
    /// more than once. An invalid <c>tracestate</c> is dropped alone; without a valid <c>traceparent</c> it is never read.
    /// </summary>
    /// <param name="traceparent">The field lines as received.</param>
    /// <param name="tracestate">The field lines as received, in order.</param>
    public static TraceContext Continue(StringValues traceparent, StringValues tracestate) =>
        traceparent.Count == 1 && Traceparent.TryParse(traceparent[0], out TraceContext received)
            ? new(received._traceHigh, received._traceLow, received.SpanId, RandomId(), received._flags, TraceState.Combine(tracestate))
            : Start();

    /// <summary>The same trace one span further: what an upstream request carries.</summary>
    public TraceContext Child() => new(_traceHigh, _traceLow, SpanId, RandomId(), _flags, State);

    /// <summary>The ids of an activity in place of those made here, so that what is recorded and what is passed on agree.</summary>
    /// <param name="activity">With W3C ids, as all have since .NET 5.</param>
    public TraceContext As(Activity activity)
    {
        Span<byte> bytes = stackalloc byte[16];
        activity.TraceId.CopyTo(bytes);
        ulong high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        ulong low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        activity.SpanId.CopyTo(bytes[..8]);
        ulong span = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        byte flags = (byte)((_flags & RandomFlag) | (activity.Recorded ? SampledFlag : 0));
        return new(high, low, ParentId, span, flags, State);
    }

    /// <summary>The sender as the parent of an activity; <c>default</c> when the trace starts here.</summary>
    public ActivityContext RemoteParent()
    {
        if (ParentId == 0)
        {
            return default;
        }

        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, _traceHigh);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], _traceLow);
        ActivityTraceId trace = ActivityTraceId.CreateFromBytes(bytes);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, ParentId);
        var flags = Sampled ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None;
        return new ActivityContext(trace, ActivitySpanId.CreateFromBytes(bytes[..8]), flags, State, isRemote: true);
    }

    /// <summary>Writes version 00.</summary>
    /// <param name="destination">At least <see cref="TraceparentLength"/> bytes.</param>
    /// <returns>Always <see cref="TraceparentLength"/>.</returns>
    public int WriteTraceparent(Span<byte> destination)
    {
        "00-"u8.CopyTo(destination);
        WriteTraceId(destination[3..]);
        destination[35] = (byte)'-';
        WriteHex(SpanId, destination[36..]);
        destination[52] = (byte)'-';
        destination[53] = (byte)'0';
        destination[54] = (byte)('0' + _flags); // two flags are known, so 0 to 3
        return TraceparentLength;
    }

    /// <summary>Writes the trace id in hexadecimal.</summary>
    /// <param name="destination">At least <see cref="TraceIdLength"/> bytes.</param>
    /// <returns>Always <see cref="TraceIdLength"/>.</returns>
    public int WriteTraceId(Span<byte> destination)
    {
        WriteHex(_traceHigh, destination);
        WriteHex(_traceLow, destination[16..]);
        return TraceIdLength;
    }

    /// <summary>The <c>traceparent</c> of this hop.</summary>
    public override string ToString() =>
        string.Create(TraceparentLength, this, static (text, trace) =>
        {
            Span<byte> bytes = stackalloc byte[TraceparentLength];
            trace.WriteTraceparent(bytes);
            Encoding.ASCII.GetChars(bytes, text);
        });

    /// <summary>Never 0, which the specification forbids. Ids must not collide; they need not be secret.</summary>
    private static ulong RandomId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        ulong id;
        do
        {
            Random.Shared.NextBytes(bytes);
            id = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        }
        while (id == 0);
        return id;
    }

    private static void WriteHex(ulong value, Span<byte> destination)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        Convert.TryToHexStringLower(bytes, destination, out _);
    }
}
