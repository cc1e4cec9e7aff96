using System.Net.Http.Headers;
using System.Text;

namespace Lakou;

/// <summary>The admin API of a running Lakou, as verbs use it.</summary>
internal sealed class Admin : IDisposable
{
    private readonly HttpClient _http;
    private readonly Uri _address;

    /// <param name="address">Of the admin listener.</param>
    /// <param name="token">Null: <c>LAKOU_ADMIN_TOKEN</c>, or none.</param>
    public Admin(Uri address, string? token)
    {
        _address = address;

        // A reload with 10,000 routes takes seconds; no proxy stands between a machine and itself.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        if ((token ?? Environment.GetEnvironmentVariable("LAKOU_ADMIN_TOKEN")) is { Length: > 0 } secret)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        }
    }

    /// <summary>Asks for the file to be loaded again.</summary>
    public Task<AdminAnswer> ReloadAsync() => PostAsync("/v1/config/reload", null);

    /// <summary>Asks what a configuration would change.</summary>
    public Task<AdminAnswer> DiffAsync(string text) => PostAsync("/v1/config/diff", new StringContent(text, Encoding.UTF8, "application/yaml"));

    public void Dispose() => _http.Dispose();

    private async Task<AdminAnswer> PostAsync(string path, HttpContent? content)
    {
        try
        {
            using var response = await _http.PostAsync(path, content);
            return AdminAnswer.Read((int)response.StatusCode, await response.Content.ReadAsStringAsync(), _address);
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
