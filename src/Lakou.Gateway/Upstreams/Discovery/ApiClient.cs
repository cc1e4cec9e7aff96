using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>Asks an HTTP API of the control plane. What goes wrong is a <see cref="DiscoveryException"/> that says with whom.</summary>
internal sealed class ApiClient : IDisposable
{
    /// <summary>Of one answer: 5,000 endpoints of Consul with their checks are some megabytes.</summary>
    public const int MostBytes = 16 * 1024 * 1024;

    private const int MostOfMessage = 200;

    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly Action<HttpRequestHeaders> _identify;
    private readonly TimeProvider _time;

    /// <param name="address">Scheme, host, port.</param>
    /// <param name="caFile">Roots in place of the system's, read for each connection as files of certificates change; null for the system's.</param>
    /// <param name="identify">Adds credentials to each request.</param>
    /// <param name="time">Of timeouts.</param>
    public ApiClient(Uri address, string? caFile, Action<HttpRequestHeaders> identify, TimeProvider time)
    {
        (_address, _identify, _time) = (address, identify, time);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false, // credentials go to the address of the file, nowhere else
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            // A watch is silent for minutes: without pings a peer that vanished would be believed in.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        };
        if (caFile is not null)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(caFile, certificate, chain, errors);
        }

        _http = new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
    }

    /// <summary>The head of an answer, whatever its status.</summary>
    /// <param name="pathAndQuery">Escaped.</param>
    /// <param name="timeout">Until the head is there.</param>
    /// <param name="stop">Nobody waits any more.</param>
    public async Task<HttpResponseMessage> GetAsync(string pathAndQuery, TimeSpan timeout, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_address, pathAndQuery));
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.UserAgent.ParseAdd("Lakou");
        _identify(request.Headers);
        return await WithinAsync(timeout, end => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end), stop);
    }

    /// <summary>The body of a good answer as JSON.</summary>
    public async Task<T> ReadAsync<T>(HttpResponseMessage response, TimeSpan timeout, CancellationToken stop)
        where T : class
    {
        await ExpectSuccessAsync(response, timeout, stop);
        var bytes = await BodyAsync(response, timeout, stop);
        try
        {
            return JsonSerializer.Deserialize<T>(bytes, JsonSerializerOptions.Web) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new DiscoveryException(DiscoveryFailure.Answer, $"{_address.Authority} answered with something else than was asked for; is this the API?");
        }
    }

    /// <exception cref="DiscoveryException">The status is none of success.</exception>
    public async Task ExpectSuccessAsync(HttpResponseMessage response, TimeSpan timeout, CancellationToken stop)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var isDenied = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;
        var text = System.Text.Encoding.UTF8.GetString(await BodyAsync(response, timeout, stop)).ReplaceLineEndings(" ").Trim();
        var said = new string([.. text.Where(c => !char.IsControl(c)).Take(MostOfMessage)]);
        throw new DiscoveryException(
            isDenied ? DiscoveryFailure.Denied : DiscoveryFailure.Answer,
            $"{_address.Authority} answered {(int)response.StatusCode}{(said.Length > 0 ? $": {said}" : "")}{(isDenied ? "; allow the token to read this" : "")}");
    }

    /// <summary>A failure that happened while an answer was read.</summary>
    public DiscoveryException Broken(Exception e) => new(DiscoveryFailure.Unreachable, $"{_address.Authority}: {Innermost(e).Message}");

    public void Dispose() => _http.Dispose();

    private Task<byte[]> BodyAsync(HttpResponseMessage response, TimeSpan timeout, CancellationToken stop) => WithinAsync(timeout, async end =>
    {
        await using var body = await response.Content.ReadAsStreamAsync(end);
        using var whole = new MemoryStream();
        var block = new byte[64 * 1024];
        for (int read; (read = await body.ReadAsync(block, end)) > 0;)
        {
            if (whole.Length + read > MostBytes)
            {
                throw new DiscoveryException(DiscoveryFailure.Answer, $"the answer of {_address.Authority} is larger than {MostBytes >> 20} MiB");
            }

            whole.Write(block, 0, read);
        }

        return whole.ToArray();
    }, stop);

    private async Task<T> WithinAsync<T>(TimeSpan timeout, Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        using var late = new CancellationTokenSource(timeout, _time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stop);
        try
        {
            return await work(end.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new DiscoveryException(DiscoveryFailure.Timeout, $"{_address.Authority} did not answer in time");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Broken(e);
        }
    }

    private static Exception Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e;
    }

    private static bool IsTrusted(string caFile, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 own || chain is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }

        try
        {
            chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return false;
        }

        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.Reset();
        return chain.Build(own);
    }
}
