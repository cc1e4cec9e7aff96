using System.Buffers;
using System.Text;
using Lakou.Core.Faults;
using Microsoft.AspNetCore.Http;

namespace Lakou.Http;

/// <summary>
/// Reads request heads strictly (RFC 9112 §2 to §7): what two recipients could read in two ways is refused, as soon as it is seen.
/// </summary>
public static class RequestParser
{
    /// <summary>32: twice the longest registered method, UPDATEREDIRECTREF.</summary>
    private const int LongestMethod = 32;

    /// <summary>
    /// Reads on in a request head. Until it is <see cref="ParseStatus.Done"/> nothing is consumed and every call must bring the same bytes
    /// again, more of them; they are looked at only once. A call after Done or Invalid begins the next head.
    /// </summary>
    /// <param name="input">All bytes from the beginning of the head; what follows the head is left alone.</param>
    /// <param name="limits">Bounds, the same for all calls of one head.</param>
    /// <param name="head">Receives the request, or its <see cref="RequestHead.Error"/>.</param>
    /// <param name="consumed">Behind the head when Done, else the start.</param>
    /// <param name="examined">As PipeReader.AdvanceTo takes it.</param>
    public static ParseStatus TryParse(
        in ReadOnlySequence<byte> input, HeadLimits limits, RequestHead head, out SequencePosition consumed, out SequencePosition examined)
    {
        consumed = input.Start;
        examined = input.End;
        if (head.Stage == RequestStage.Finished)
        {
            head.Reset();
        }

        head.Fields.Gather(input, limits.Bytes);
        var status = Step(head, limits);
        if (status == ParseStatus.NeedMore && head.Fields.Raw.Length >= limits.Bytes)
        {
            status = Fail(head, HttpFaults.HeadTooLarge, $"the head has more than {limits.Bytes} bytes");
        }

        if (status == ParseStatus.Done)
        {
            head.Fields.TruncateRaw(head.Scan.LineStart);
            consumed = examined = input.GetPosition(head.Scan.LineStart);
        }

        if (status != ParseStatus.NeedMore)
        {
            head.Stage = RequestStage.Finished;
        }

        return status;
    }

    private static ParseStatus Step(RequestHead head, HeadLimits limits)
    {
        while (head.Stage < RequestStage.Fields)
        {
            var status = RequestLine(head, limits);
            if (status != ParseStatus.Done)
            {
                return status;
            }
        }

        return head.Scan.ReadFields(head.Fields, limits) switch
        {
            ParseStatus.NeedMore => ParseStatus.NeedMore,
            ParseStatus.Invalid => Fail(head, head.Scan.IsTooLarge ? HttpFaults.HeadTooLarge : HttpFaults.BadField, head.Scan.Problem!),
            _ => Finish(head),
        };
    }

    private static ParseStatus RequestLine(RequestHead head, HeadLimits limits)
    {
        // 1. Find the end of the line, and judge what there is of it in the order in which it arrives.
        var start = head.Scan.LineStart;
        var status = head.Scan.NextLine(head.Fields.Raw, out var range);
        var line = status == ParseStatus.Done ? head.Fields.Raw[range] : head.Fields.Raw[start..head.Scan.Scanned];
        var method = line[..Math.Min(line.Length, LongestMethod + 1)];
        var space = method.IndexOf((byte)' ');
        method = space < 0 ? method : method[..space];
        if (space == 0 || method.Length > LongestMethod || (method.Length > 0 && !FieldGrammar.IsToken(method)))
        {
            return Fail(head, HttpFaults.BadRequestLine, $"the method is not a token of 1 to {LongestMethod} bytes");
        }

        if (line.Length > limits.LineBytes)
        {
            return Fail(head, HttpFaults.TargetTooLong, $"the request line has more than {limits.LineBytes} bytes");
        }

        if (status != ParseStatus.Done)
        {
            return status == ParseStatus.NeedMore ? status : Fail(head, HttpFaults.BadRequestLine, $"{head.Scan.Problem} in the request line");
        }

        // 2. One empty line may come first (RFC 9112 §2.2): old clients end a body with it.
        if (line.IsEmpty)
        {
            return head.Stage++ == RequestStage.Before ? ParseStatus.Done : Fail(head, HttpFaults.BadRequestLine, "more than one empty line before the request");
        }

        // 3. method SP request-target SP HTTP-version
        var lastSpace = line.LastIndexOf((byte)' ');
        if (space < 0 || lastSpace <= space + 1)
        {
            return Fail(head, HttpFaults.BadRequestLine, "the request line is not method, target and version with one space between");
        }

        var version = line[(lastSpace + 1)..];
        head.IsHttp10 = version.SequenceEqual("HTTP/1.0"u8);
        if (!head.IsHttp10 && !version.SequenceEqual("HTTP/1.1"u8))
        {
            var isVersion = version is [(byte)'H', (byte)'T', (byte)'T', (byte)'P', (byte)'/', >= (byte)'0' and <= (byte)'9', (byte)'.', >= (byte)'0' and <= (byte)'9'];
            var isHttp = version.IsEmpty || version.StartsWith("HTTP/"u8);
            return Fail(head, isVersion ? HttpFaults.Version : isHttp ? HttpFaults.BadRequestLine : HttpFaults.NotHttp, "the version is neither HTTP/1.1 nor HTTP/1.0");
        }

        head.Method = MethodText(method);
        var target = line[(space + 1)..lastSpace];
        if (RequestTarget.Read(head.Method, target, out var form, out var pathStart) is { } problem)
        {
            return Fail(head, HttpFaults.BadRequestLine, problem);
        }

        head.SetTarget(target);
        head.Form = form;
        head.PathStart = pathStart;
        head.Stage = RequestStage.Fields;
        return ParseStatus.Done;
    }

    private static ParseStatus Finish(RequestHead head)
    {
        // 1. Where to.
        var fields = head.Fields;
        if (HostProblem(head) is { } hostProblem)
        {
            return Fail(head, HttpFaults.BadHost, hostProblem);
        }

        // 2. Where the body ends.
        if (BodyFraming.Read(fields, head.IsHttp10, out var coding, out var length) is { } problem)
        {
            return Fail(head, HttpFaults.BadFraming, problem);
        }

        if (coding == BodyFraming.Coding.Unknown)
        {
            return Fail(head, HttpFaults.UnknownTransferCoding, "only chunked is served");
        }

        head.ContentLength = length;
        head.Body = coding == BodyFraming.Coding.Chunked ? BodyKind.Chunked : length > 0 ? BodyKind.Length : BodyKind.None;

        // 3. What becomes of the connection.
        head.KeepAlive = !fields.ListContains(KnownField.Connection, "close"u8) &&
            (!head.IsHttp10 || fields.ListContains(KnownField.Connection, "keep-alive"u8));
        head.ExpectsContinue = !head.IsHttp10 && head.Body != BodyKind.None && fields.ListContains(KnownField.Expect, "100-continue"u8);
        head.WantsUpgrade = !head.IsHttp10 && head.Body == BodyKind.None && fields.TryGet(KnownField.Upgrade, out var upgrade) &&
            !upgrade.IsEmpty && fields.ListContains(KnownField.Connection, "upgrade"u8);
        return ParseStatus.Done;
    }

    /// <summary>RFC 9112 §3.2 and §3.3. An empty Host says that the target has no authority, so only the asterisk form may have it.</summary>
    private static string? HostProblem(RequestHead head)
    {
        var count = head.Fields.CountOf(KnownField.Host);
        if (count == 0)
        {
            return head.IsHttp10 ? null : "no Host";
        }

        head.Fields.TryGet(KnownField.Host, out var host);
        if (count > 1)
        {
            return "more than one Host";
        }

        if (!Authority.IsValid(host) && !(host.IsEmpty && head.Form == TargetForm.Asterisk))
        {
            return "Host is not host[:port]";
        }

        if (head.Form is TargetForm.Absolute or TargetForm.Authority)
        {
            var authority = head.Target.AsSpan(..head.PathStart);
            authority = authority[(authority.IndexOf("://") is >= 0 and var scheme ? scheme + 3 : 0)..];
            return Ascii.EqualsIgnoreCase(host, authority) ? null : "Host differs from the target";
        }

        return null;
    }

    private static string MethodText(ReadOnlySpan<byte> method) => method switch
    {
        _ when method.SequenceEqual("GET"u8) => HttpMethods.Get,
        _ when method.SequenceEqual("POST"u8) => HttpMethods.Post,
        _ when method.SequenceEqual("PUT"u8) => HttpMethods.Put,
        _ when method.SequenceEqual("HEAD"u8) => HttpMethods.Head,
        _ when method.SequenceEqual("DELETE"u8) => HttpMethods.Delete,
        _ when method.SequenceEqual("PATCH"u8) => HttpMethods.Patch,
        _ when method.SequenceEqual("OPTIONS"u8) => HttpMethods.Options,
        _ when method.SequenceEqual("CONNECT"u8) => HttpMethods.Connect,
        _ when method.SequenceEqual("TRACE"u8) => HttpMethods.Trace,
        _ => Encoding.ASCII.GetString(method),
    };

    private static ParseStatus Fail(RequestHead head, FaultCode code, string detail)
    {
        head.Error = code.With(detail);
        return ParseStatus.Invalid;
    }
}
