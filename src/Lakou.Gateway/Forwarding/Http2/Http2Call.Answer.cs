using System.IO.Pipelines;
using Lakou.Core.Faults;
using Lakou.Gateway.Grpc;
using Lakou.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>The answer: its head, its body as it comes, its trailers.</summary>
internal sealed partial class Http2Call
{
    private void OnAnswered()
    {
        var now = _exchange.Timestamp();
        IsAnswered = true;
        _exchange.FirstByte = _exchange.Time.GetElapsedTime(_started, now) - _exchange.Connect;
        _endpoint.AnswerTimes?.Observe(now - _started, now);
    }

    private async ValueTask<Fault?> RelayAsync(HttpResponseMessage answer)
    {
        _status = (int)answer.StatusCode;
        var fields = _exchange.Features.Response.Headers;
        if (AnswerHead.Copy(answer, fields, out var length) is { } broken)
        {
            return broken;
        }

        _exchange.Features.Response.StatusCode = _status;
        _exchange.Stickiness.Cookie?.AddTo(fields);
        _exchange.GrpcStatus = fields[GrpcFault.StatusField].ToString();
        var response = _exchange.Features.ResponseBody;
        await using var body = await answer.Content.ReadAsStreamAsync(_cancel.Token);

        // What ended with its head is passed on as such: to gRPC it is an answer of trailers only.
        var first = new byte[1];
        var begun = body.ReadAsync(first, _cancel.Token).Preserve(); // looked at here, and awaited below
        var isEmpty = begun.IsCompleted && await begun == 0;
        if (!isEmpty || answer.TrailingHeaders.NonValidated.Count > 0)
        {
            await response.StartAsync(CancellationToken.None); // a client that has left shows when its bytes are flushed
        }

        var owed = HasBody(length) ? length : null;
        _isOwed = owed is not null;
        if (!isEmpty && await RelayBodyAsync(body, first, begun, response.Writer, owed) is { } cut)
        {
            return cut;
        }

        ExpectNothing();
        return owed is not null && owed != _exchange.BytesOut ? Mismatch() : CopyTrailers(answer);
    }

    /// <param name="body">From the endpoint.</param>
    /// <param name="first">Gets the first byte.</param>
    /// <param name="begun">The read of it.</param>
    /// <param name="writer">To the client.</param>
    /// <param name="length">That the answer declares.</param>
    private async ValueTask<Fault?> RelayBodyAsync(Stream body, byte[] first, ValueTask<int> begun, PipeWriter writer, long? length)
    {
        var unflushed = 1L; // the head
        var taken = 0L;
        if (!begun.IsCompleted)
        {
            unflushed = 0;
            if (await FlushAsync(writer) is { } stopped)
            {
                return stopped;
            }

            ExpectMore();
        }

        for (var count = await begun; count > 0; count = await body.ReadAsync(writer.GetMemory(), _cancel.Token))
        {
            if (taken == 0)
            {
                writer.GetSpan()[0] = first[0];
            }

            taken += count;
            if (taken > length)
            {
                return Mismatch();
            }

            writer.Advance(count);
            _exchange.BytesOut = taken;
            unflushed += count;

            // Nothing at hand: what was gathered goes out before we wait. A read of nothing waits for something.
            var more = body.ReadAsync(Memory<byte>.Empty, _cancel.Token);
            if (unflushed >= Forwarder.FlushBytes || !more.IsCompleted)
            {
                unflushed = 0;
                if (await FlushAsync(writer) is { } stopped)
                {
                    return stopped;
                }

                ExpectMore();
            }

            await more;
        }

        return null;
    }

    private async ValueTask<Fault?> FlushAsync(PipeWriter writer)
    {
        ExpectNothing(); // the client's pace is the server's to judge; of our deadlines only the last one runs meanwhile
        var flush = await writer.FlushAsync(_cancel.Token);
        return flush.IsCompleted || flush.IsCanceled ? FaultOf(new OperationCanceledException()) : null;
    }

    private Fault? CopyTrailers(HttpResponseMessage answer)
    {
        if (_exchange.Http.Features.Get<IHttpResponseTrailersFeature>() is not { } trailers || answer.TrailingHeaders.NonValidated.Count == 0)
        {
            return null;
        }

        var fault = AnswerHead.CopyTrailers(answer, trailers.Trailers);
        _exchange.GrpcStatus = trailers.Trailers[GrpcFault.StatusField].ToString();
        return fault;
    }

    /// <summary>What answers a HEAD, and these statuses, declare the length of a body that does not follow.</summary>
    private bool HasBody(long? length) => length is not null && !HttpMethods.IsHead(_exchange.Features.Request.Method) && _status is not (204 or 304);

    private Fault Mismatch() => HttpFaults.BadResponse.With($"{_endpoint.Address.Text} sent another length than it declared.");
}
