using System.Buffers;
using System.Text;
using Lakou.Core.Faults;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Events;

/// <summary>
/// Reads what an HTTP request brings into frames, all of it or nothing. The media type decides:
/// <list type="table">
/// <item><term><c>application/cloudevents+json</c></term><description>one event, structured; headers say nothing then</description></item>
/// <item><term><c>application/cloudevents-batch+json</c></term><description>any number of them, none too</description></item>
/// <item><term>any other, or none</term><description>the body is one event's data: <see cref="HeaderEvent"/></description></item>
/// </list>
/// CloudEvents 1.0.2, JSON format and HTTP binding. No string and no task is made for an event; a body in one piece is copied once.
/// </summary>
internal static class EventReader
{
    /// <param name="contentType">Of the request; null when it states none.</param>
    /// <param name="into">Holds the request's events and nothing else afterwards, and nothing at all when a fault is returned.</param>
    public static Fault? Read(string? contentType, IHeaderDictionary headers, in ReadOnlySequence<byte> body, EventTerms terms, EventBatch into)
    {
        into.Clear();
        if (body.Length > terms.Limits.BatchBytes)
        {
            return EventFaults.TooLarge.With($"the body is larger than {terms.Limits.BatchBytes} bytes");
        }

        var fault = body.IsSingleSegment ? Read(contentType, headers, body.FirstSpan, terms, into) : ReadJoined(contentType, headers, body, terms, into);
        if (fault is not null)
        {
            into.Clear();
        }

        return fault;
    }

    private static Fault? ReadJoined(string? contentType, IHeaderDictionary headers, in ReadOnlySequence<byte> body, EventTerms terms, EventBatch into)
    {
        var length = (int)body.Length;
        var joined = ArrayPool<byte>.Shared.Rent(length);
        body.CopyTo(joined);
        var fault = Read(contentType, headers, joined.AsSpan(0, length), terms, into);
        ArrayPool<byte>.Shared.Return(joined);
        return fault;
    }

    private static Fault? Read(string? contentType, IHeaderDictionary headers, ReadOnlySpan<byte> body, EventTerms terms, EventBatch into)
    {
        contentType = string.IsNullOrEmpty(contentType) ? null : contentType;
        var media = contentType is null ? new MediaType(MediaKind.Bytes) : MediaTypeOf(contentType);
        return CheckMedia(contentType, media, headers) ?? media.Kind switch
        {
            MediaKind.Structured => JsonEvents.ReadOne(body, terms, into),
            MediaKind.Batch => JsonEvents.ReadBatch(body, terms, into),
            _ => HeaderEvent.Read(contentType, media, headers, body, terms, into),
        };
    }

    private static MediaType MediaTypeOf(string contentType)
    {
        Span<byte> ascii = stackalloc byte[MediaType.Longest];
        return Ascii.FromUtf16(contentType, ascii, out var length) == OperationStatus.Done ? MediaType.Of(ascii[..length]) : default;
    }

    private static Fault? CheckMedia(string? contentType, MediaType media, IHeaderDictionary headers)
    {
        var wrong = media switch
        {
            { Kind: MediaKind.Invalid } => "is not a media type; such as application/json",
            { Kind: MediaKind.OtherCloudEvents } => "is not read here; application/cloudevents+json or application/cloudevents-batch+json",
            { IsUtf8: false, Kind: MediaKind.Structured or MediaKind.Batch or MediaKind.Json } => "is not read here; JSON is UTF-8",
            _ => null,
        };
        if (wrong is not null)
        {
            return EventFaults.UnsupportedMediaType.With($"Content-Type: {EventFaults.Show(contentType!)} {wrong}");
        }

        return headers.ContentEncoding is { Count: > 0 } coding && !coding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase)
            ? EventFaults.UnsupportedMediaType.With($"Content-Encoding: {EventFaults.Show(coding.ToString())} is not read here; send the body as it is")
            : null;
    }
}
