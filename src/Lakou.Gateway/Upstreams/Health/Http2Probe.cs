using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Gateway.Grpc;
using Lakou.Gateway.Upstreams.Http2;
using Lakou.Transport;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>Asks one endpoint once over HTTP/2, over a connection of its own, bounded in time and in bytes: with GET, or by gRPC.</summary>
internal sealed class Http2Probe(LakouTransport transport, EndpointAddress address, ActiveOptions options, TimeProvider time)
{
    /// <inheritdoc cref="Probe.RunAsync"/>
    public async Task<ProbeResult> RunAsync(CancellationToken end)
    {
        using var timeout = new CancellationTokenSource(options.Timeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, end);
        using var client = new HttpMessageInvoker(Http2Handler.Create(async (_, cancellation) => await DialledStream.OpenAsync(transport, address, endpoint: null, cancellation)));
        using var request = options.Grpc is { } grpc ? GrpcHealth.Ask(address, grpc.Service) : new Http2Request("GET", address, options.Path!);
        request.Headers.Host = options.Host ?? address.Authority;
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("Lakou-Health", null));
        try
        {
            using var answer = await client.SendAsync(request, stop.Token);
            var status = (int)answer.StatusCode;
            return options.Grpc is not null ? await GrpcHealth.ReadAsync(answer, stop.Token)
                : !options.Expect.Contains(status) ? new("status", $"status {status}, not {options.Expect}")
                : options.Contains is { } text ? await FindAsync(answer, Encoding.UTF8.GetBytes(text), stop.Token)
                : ProbeResult.Pass;
        }
        catch (Exception e) when (timeout.IsCancellationRequested && e is not OutOfMemoryException)
        {
            return new("timeout", $"no whole answer within {Durations.Format(options.Timeout)}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return ResultOf(e);
        }
    }

    private static ProbeResult ResultOf(Exception e)
    {
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException)
            {
                return new("connect", UpstreamFaults.Describe(inner));
            }

            if (inner is AuthenticationException)
            {
                return new("connect", inner.Message);
            }
        }

        return new("answer", "the connection broke before a whole answer over HTTP/2");
    }

    private static async Task<ProbeResult> FindAsync(HttpResponseMessage answer, byte[] text, CancellationToken end)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(end);
        var payload = new byte[Probe.BodyBytes];
        var count = await body.ReadAtLeastAsync(payload, payload.Length, throwOnEndOfStream: false, end);
        return payload.AsSpan(0, count).IndexOf(text) >= 0 ? ProbeResult.Pass : new("body", "the answer does not contain what it should");
    }
}
