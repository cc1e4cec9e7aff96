using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Lakou.Core.Faults;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Messaging.Events;

/// <summary>
/// A request whose body is an event's data: a CloudEvent in binary mode, or any body.
/// <para>
/// <c>ce-id</c> or <c>ce-specversion</c> make it a CloudEvent, which must then have both, <c>ce-source</c> and <c>ce-type</c>. Without them it is a plain body:
/// <c>id</c> is made here, so are <c>source</c>, <c>type</c> and <c>time</c> where no header says them, and any other attribute may be given by its header
/// (<c>ce-subject: 42</c>). An empty body is an event without data.
/// </para>
/// </summary>
internal ref struct HeaderEvent
{
    private const string Prefix = "ce-";
    private const int LongestVersion = 32;

    private readonly string? _contentType;
    private readonly MediaType _media;
    private readonly IHeaderDictionary _headers;
    private readonly ReadOnlySpan<byte> _body;
    private readonly EventTerms _terms;
    private readonly bool _isCloudEvent;
    private FrameBuilder _builder;

    private HeaderEvent(string? contentType, MediaType media, IHeaderDictionary headers, ReadOnlySpan<byte> body, EventTerms terms, EventBatch into)
    {
        (_contentType, _media, _headers, _terms) = (contentType, media, headers, terms);
        _body = body;
        _isCloudEvent = headers.ContainsKey("ce-specversion") || headers.ContainsKey("ce-id");
        _builder = new(into, terms);
    }

    public static Fault? Read(string? contentType, MediaType media, IHeaderDictionary headers, ReadOnlySpan<byte> body, EventTerms terms, EventBatch into)
    {
        if (body.Length > terms.Limits.EventBytes)
        {
            return FrameBuilder.TooLargeEvent(terms.Limits);
        }

        var read = new HeaderEvent(contentType, media, headers, body, terms, into);
        return read.AddContext() ?? read.AddContentType() ?? read.AddOthers() ?? read.AddTime()
            ?? read._builder.AddTrace()?.At("traceparent")
            ?? read.AddData()?.At("body")
            ?? read._builder.End(read._isCloudEvent)?.At("event");
    }

    /// <summary>The first three attributes.</summary>
    private Fault? AddContext()
    {
        if (!_isCloudEvent)
        {
            return SyntheticAttributes.AddId(ref _builder, _terms.Time) ?? AddOr("ce-source", "source"u8, _terms.Source) ?? AddOr("ce-type", "type"u8, _terms.Type);
        }

        return CheckVersion() ?? AddRequired("ce-id", "id"u8) ?? AddRequired("ce-source", "source"u8) ?? AddRequired("ce-type", "type"u8);
    }

    private readonly Fault? CheckVersion()
    {
        const string Header = "ce-specversion";
        if (!_headers.TryGetValue(Header, out var values))
        {
            return Missing(Header);
        }

        Span<byte> version = stackalloc byte[LongestVersion];
        var isRight = values is [{ Length: <= LongestVersion } text]
            && HeaderText.Decode(text, version, out var length) is null && version[..length].SequenceEqual("1.0"u8);
        return isRight ? null : EventFaults.Malformed.With($"{Header}: {EventFaults.Show(values.ToString())} is not a version that is read here; 1.0");
    }

    private Fault? AddRequired(string header, ReadOnlySpan<byte> name) =>
        _headers.TryGetValue(header, out var values) ? AddHeader(header, name, values) : Missing(header);

    private Fault? AddOr(string header, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) =>
        _headers.TryGetValue(header, out var values) ? AddHeader(header, name, values) : _builder.Add(name, value);

    private Fault? AddContentType()
    {
        if (_contentType is null)
        {
            return null;
        }

        Span<byte> ascii = stackalloc byte[MediaType.Longest];
        Ascii.FromUtf16(_contentType, ascii, out var length); // it was a media type before it came here
        return _builder.Add("datacontenttype"u8, ascii[..length])?.At("Content-Type");
    }

    private Fault? AddOthers()
    {
        Span<byte> name = stackalloc byte[AttributeRules.LongestName];
        foreach (var (header, values) in _headers)
        {
            if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var rest = header.AsSpan(Prefix.Length);
            if (rest.Length > name.Length || Ascii.ToLower(rest, name, out var length) != OperationStatus.Done)
            {
                length = 0; // no name
            }

            if (!IsAddedElsewhere(name[..length]) && AddHeader(header, name[..length], values) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static bool IsAddedElsewhere(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("id"u8) || name.SequenceEqual("source"u8) || name.SequenceEqual("type"u8) || name.SequenceEqual("specversion"u8);

    private Fault? AddHeader(string header, scoped ReadOnlySpan<byte> name, StringValues values)
    {
        if (!AttributeRules.IsName(name))
        {
            return AttributeRules.NotAName(EventFaults.Show(header));
        }

        if (name.SequenceEqual("datacontenttype"u8))
        {
            return EventFaults.Malformed.With($"{header}: not allowed in binary mode; Content-Type says it");
        }

        if (values is not [{ } text])
        {
            return EventFaults.Malformed.With($"{header}: there {values.Count} times; once");
        }

        var fault = _builder.Open(name, text.Length, out var room);
        var length = 0;
        return (fault ?? HeaderText.Decode(text, room, out length) ?? _builder.Close(length, AttributeType.String))?.At(header);
    }

    private Fault? AddTime() => _isCloudEvent || _headers.ContainsKey("ce-time") ? null : SyntheticAttributes.AddTime(ref _builder, _terms.Time);

    private Fault? AddData()
    {
        if (_body.IsEmpty)
        {
            return null;
        }

        var fault = DataKinds.Add(ref _builder, _media, _body);
        return fault is not null && IsBareText() ? AddBareText() : fault;
    }

    /// <summary>
    /// Whether this is how the CloudEvents SDK for JavaScript writes a string as JSON in binary mode: without its quotes. What begins as JSON does is broken JSON.
    /// </summary>
    private readonly bool IsBareText()
    {
        var start = _body.IndexOfAnyExcept(" \t\r\n"u8);
        return _isCloudEvent && start >= 0 && _body[start] is not ((byte)'{' or (byte)'[' or (byte)'"')
            && !_body.StartsWith(Encoding.UTF8.Preamble) && Utf8.IsValid(_body);
    }

    /// <summary>Data becomes the JSON string that was meant, so that every reader after this one reads the same.</summary>
    private Fault? AddBareText()
    {
        var room = _builder.OpenData(2 + (JsonText.LongestEscape * _body.Length));
        var length = JsonText.Escape(_body, room[1..^1]);
        room[0] = room[1 + length] = (byte)'"';
        _builder.CloseData(2 + length, FrameFlags.Json);
        return null;
    }

    private static Fault Missing(string header) =>
        EventFaults.Malformed.With($"{header}: missing; a CloudEvent in binary mode has ce-specversion, ce-id, ce-source and ce-type");
}
