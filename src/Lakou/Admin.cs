using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lakou;

/// <summary>A running Lakou did not do what it was asked; the message is for the operator.</summary>
internal sealed class AdminException(string message, int? status = null) : Exception(message)
{
    /// <summary>Of the answer; null when there was none.</summary>
    public int? Status { get; } = status;
}

/// <summary>The admin API of a running Lakou, as verbs use it.</summary>
internal sealed class Admin : IDisposable
{
    // A reload with 10,000 routes takes seconds.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly Uri _address;

    /// <param name="address">Of the admin listener.</param>
    /// <param name="token">Null: <c>LAKOU_ADMIN_TOKEN</c>, or none.</param>
    public Admin(Uri address, string? token)
    {
        _address = address;

        // No proxy stands between a machine and itself. A stream has no end: the time of all else is counted by call.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        if ((token ?? Environment.GetEnvironmentVariable("LAKOU_ADMIN_TOKEN")) is { Length: > 0 } secret)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        }
    }

    /// <summary>Asks for the file to be loaded again.</summary>
    public Task<AdminAnswer> ReloadAsync() => PostAsync("/v1/config/reload", null);

    /// <summary>Asks what a configuration would change.</summary>
    public Task<AdminAnswer> DiffAsync(string text) => PostAsync("/v1/config/diff", new StringContent(text, Encoding.UTF8, "application/yaml"));

    /// <summary>Any other call.</summary>
    /// <param name="wait">How long it asks Lakou to wait.</param>
    /// <returns>The answer; null when it has no body.</returns>
    /// <exception cref="AdminException">It was refused, or nobody answered.</exception>
    public async Task<JsonNode?> CallAsync(HttpMethod method, string path, HttpContent? content = null, TimeSpan wait = default)
    {
        using var late = new CancellationTokenSource(s_patience + wait, TimeProvider.System);
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using var response = await SendAsync(request, late.Token);
        var body = await ReadAsync(response, late.Token);
        try
        {
            return body.Length == 0 ? null : JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            throw new AdminException($"{_address} did not answer in JSON, which the admin API of Lakou does");
        }
    }

    /// <summary>Any other call, with a JSON body.</summary>
    public Task<JsonNode?> CallAsync(HttpMethod method, string path, JsonNode body, TimeSpan wait = default)
        => CallAsync(method, path, new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"), wait);

    /// <summary>A request whose answer is read as it comes.</summary>
    /// <exception cref="AdminException">It was refused, or nobody answered.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken late)
    {
        try
        {
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, late);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }

            using (response)
            {
                throw Refused((int)response.StatusCode, await ReadAsync(response, late));
            }
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(e);
        }
    }

    public void Dispose() => _http.Dispose();

    private static bool IsBroken(Exception e) => e is HttpRequestException or IOException or SocketException or OperationCanceledException;

    private AdminException Broken(Exception e) => new($"no answer from {_address}: {e.GetBaseException().Message}");

    private async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken late)
    {
        try
        {
            return await response.Content.ReadAsStringAsync(late);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(e);
        }
    }

    private AdminException Refused(int status, string body)
    {
        try
        {
            if (JsonNode.Parse(body)?["detail"]?.GetValue<string>() is { } detail)
            {
                return new($"{_address}: {status} {detail}", status);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not a Lakou: said below.
        }

        return new($"{_address} answered {status}, which is not the admin API of Lakou", status);
    }

    private async Task<AdminAnswer> PostAsync(string path, HttpContent? content)
    {
        using var late = new CancellationTokenSource(s_patience, TimeProvider.System);
        try
        {
            using var response = await _http.PostAsync(path, content, late.Token);
            return AdminAnswer.Read((int)response.StatusCode, await response.Content.ReadAsStringAsync(late.Token), _address);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return AdminAnswer.Failed($"no answer from {_address}: {e.GetBaseException().Message}");
        }
        finally
        {
            content?.Dispose();
        }
    }
}
