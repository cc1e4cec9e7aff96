using System.Buffers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Gateway.Forwarding;
using Lakou.Http;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Gateway.Upstreams.Health;

/// <param name="Outcome">The label of the metric, one of <see cref="Outcomes"/>.</param>
/// <param name="Detail">For people; empty for a pass.</param>
internal sealed record ProbeResult(string Outcome, string Detail)
{
    public static readonly string[] Outcomes = ["pass", "connect", "timeout", "answer", "status", "body"];

    public static readonly ProbeResult Pass = new("pass", "");

    public bool IsPass => Outcome == Pass.Outcome;
}

/// <summary>Asks one endpoint once, over a connection of its own, bounded in time and in bytes.</summary>
internal sealed class Probe(LakouTransport transport, EndpointAddress address, ActiveOptions options, TimeProvider time)
{
    // Where 'contains' is looked for.
    public const int BodyBytes = 64 * 1024;

    // Interim answers, chunk framing and all: after so many no more are asked for.
    private const int MostBytes = 256 * 1024;

    private static readonly HeadLimits s_headLimits = new();

    /// <summary>Never fails: what went wrong is the result.</summary>
    /// <param name="end">Nobody wants to know any more.</param>
    public async Task<ProbeResult> RunAsync(CancellationToken end)
    {
        if (address.Protocol != UpstreamProtocol.Http1 && (options.Path is not null || options.Grpc is not null))
        {
            return await new Http2Probe(transport, address, options, time).RunAsync(end);
        }

        using var timeout = new CancellationTokenSource(options.Timeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, end);
        ConnectionContext? connection = null;
        try
        {
            connection = await transport.ConnectAsync(address.EndPoint, stop.Token);
            if (address.Tls is { } tls)
            {
                connection = await tls.OpenAsync(connection, address.Host, stop.Token);
            }

            if (options.Path is null)
            {
                return ProbeResult.Pass;
            }

            await using var cut = stop.Token.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(), connection);
            return await AskAsync(connection);
        }
        catch (Exception e) when (timeout.IsCancellationRequested && e is not OutOfMemoryException)
        {
            return new("timeout", $"no {(connection is null ? "connection" : "whole answer")} within {Durations.Format(options.Timeout)}");
        }
        catch (Exception e) when (connection is null && e is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return new("connect", (e as SocketException)?.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "connection refused",
                { } error => $"no connection ({error})",
                null => "no connection",
            });
        }
        catch (AuthenticationException e)
        {
            return new("connect", e.Message);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return new("answer", "the connection broke before a whole answer");
        }
        finally
        {
            _ = connection?.DisposeAsync().AsTask(); // never throws; the result need not wait for the endpoint to close
        }
    }

    private async Task<ProbeResult> AskAsync(ConnectionContext connection)
    {
        await connection.Transport.Output.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET {options.Path} HTTP/1.1\r\nHost: {options.Host ?? address.Authority}\r\nUser-Agent: Lakou-Health\r\nAccept: */*\r\nConnection: close\r\n\r\n"));
        var input = new Input(connection);
        var head = new ResponseHead();
        while (true)
        {
            var status = ResponseParser.TryParse(input.Received, answersHead: false, s_headLimits, head, out var consumed);
            if (status == ParseStatus.Invalid)
            {
                return new("answer", $"no HTTP answer: {head.Error!.Detail}");
            }

            if (status == ParseStatus.NeedMore)
            {
                if (!await input.ReceiveAsync())
                {
                    return new("answer", "the connection was closed before an answer");
                }

                continue;
            }

            input.Consume(consumed);
            if (!head.IsInterim || head.Status == 101)
            {
                break;
            }
        }

        return !options.Expect.Contains(head.Status) ? new("status", $"status {head.Status}, not {options.Expect}")
            : options.Contains is { } text ? await FindAsync(input, head, Encoding.UTF8.GetBytes(text))
            : ProbeResult.Pass;
    }

    /// <summary>As far as needed: the rest of the body is left unread.</summary>
    private static async Task<ProbeResult> FindAsync(Input input, ResponseHead head, byte[] text)
    {
        var body = new AnswerBody(head, new ChunkedDecoder(MessageSide.Response), s_headLimits);
        var payload = new ArrayBufferWriter<byte>();
        while (payload.WrittenCount < BodyBytes)
        {
            while (!body.IsFinished && !input.Received.IsEmpty)
            {
                var (offset, length, used) = body.Take(input.Received);
                if (body.Error is { } error)
                {
                    return new("answer", error.Detail);
                }

                foreach (var piece in input.Received.Slice(offset, Math.Min(length, BodyBytes - payload.WrittenCount)))
                {
                    payload.Write(piece.Span);
                }

                input.Consume(used);
            }

            if (payload.WrittenSpan.IndexOf(text) >= 0)
            {
                return ProbeResult.Pass;
            }

            if (body.IsFinished || !await input.ReceiveAsync())
            {
                break;
            }
        }

        return new("body", "the answer does not contain what it should");
    }

    /// <summary>What was received and not consumed.</summary>
    private sealed class Input(ConnectionContext connection)
    {
        private long _left = MostBytes;

        public ReadOnlySequence<byte> Received { get; private set; }

        /// <summary>False at the end, and where a probe has read enough.</summary>
        public async ValueTask<bool> ReceiveAsync()
        {
            if (_left <= 0)
            {
                return false;
            }

            var input = connection.Transport.Input;
            var before = Received.Length;
            if (before > 0)
            {
                input.AdvanceTo(Received.Start, Received.End);
            }

            Received = default;
            while (true)
            {
                var result = await input.ReadAsync();
                Received = result.Buffer;
                var count = Received.Length - before;
                if (count > 0 || result.IsCompleted || result.IsCanceled)
                {
                    _left -= count;
                    return count > 0;
                }

                input.AdvanceTo(Received.Start, Received.End);
            }
        }

        public void Consume(long count)
        {
            Received = Received.Slice(count);
            if (Received.IsEmpty)
            {
                connection.Transport.Input.AdvanceTo(Received.End);
                Received = default;
            }
        }
    }
}
