using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Lakou.Client.Http;

/// <summary>Sends calls, again where that is of use, and makes exceptions of refusals.</summary>
internal sealed class Api(HttpClient http, LakouClientOptions options)
{
    // The first wait, and where doubling ends: a Lakou that restarts is back within a second or two.
    private static readonly TimeSpan s_firstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(5);

    private readonly ILogger _log = options.Loggers.CreateLogger("Lakou.Client");

    public LakouClientOptions Options => options;

    /// <summary>The answer's body.</summary>
    /// <exception cref="LakouException">It was refused, or nobody answered in time.</exception>
    public async Task<byte[]> SendAsync(Call call, CancellationToken cancelled)
    {
        var retryFor = call.RetryFor ?? options.RetryFor;
        var began = options.Time.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            TimeSpan wait;
            try
            {
                return await TryAsync(call, cancelled).ConfigureAwait(false);
            }
            catch (LakouException e) when (e.IsTransient && IsLeft(wait = WaitAfter(attempt, e.RetryAfter)))
            {
                _log.LogDebug("{Method} {Path} comes again in {Wait}: {Reason}", call.Method, call.Path, wait, e.Message);
            }

            await Task.Delay(wait, options.Time, cancelled).ConfigureAwait(false);
        }

        bool IsLeft(TimeSpan wait) => retryFor == Timeout.InfiniteTimeSpan || options.Time.GetElapsedTime(began) + wait < retryFor;
    }

    private async Task<byte[]> TryAsync(Call call, CancellationToken cancelled)
    {
        using var late = new CancellationTokenSource(call.Wait + options.AnswerWithin, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancelled);
        using var request = RequestOf(call);
        try
        {
            using var response = await ExchangeAsync(request, either.Token, cancelled).ConfigureAwait(false);
            return await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBroken(e, cancelled))
        {
            throw Away(e);
        }
    }

    private async Task<HttpResponseMessage> ExchangeAsync(HttpRequestMessage request, CancellationToken ends, CancellationToken cancelled)
    {
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ends).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBroken(e, cancelled))
        {
            throw Away(e);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw RefusalOf(response, await response.Content.ReadAsByteArrayAsync(ends).ConfigureAwait(false));
        }
    }

    private HttpRequestMessage RequestOf(Call call)
    {
        var request = new HttpRequestMessage(call.Method, call.Path);
        if (call.Method != HttpMethod.Get)
        {
            request.Content = new ReadOnlyMemoryContent(call.Body) { Headers = { ContentType = new MediaTypeHeaderValue(call.ContentType) } };
        }

        if (options.Token is { Length: > 0 } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (call.LastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", call.LastEventId);
        }

        return request;
    }

    /// <summary>Full jitter: those that lost Lakou together do not come back together.</summary>
    private static TimeSpan WaitAfter(int attempt, TimeSpan? advised)
    {
        var most = Math.Min(s_longestWait.TotalMilliseconds, s_firstWait.TotalMilliseconds * Math.Pow(2, attempt));
        var own = TimeSpan.FromMilliseconds(most * (0.5 + (Random.Shared.NextDouble() / 2)));
        return advised > own ? advised.Value : own;
    }

    // A time that passed here looks like a cancellation, and is none. HttpClient lets through what a socket says when its peer leaves as it connects.
    private static bool IsBroken(Exception e, CancellationToken cancelled)
        => e is HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancelled.IsCancellationRequested);

    private LakouException Away(Exception e)
        => new($"no answer from {http.BaseAddress}: {(e is OperationCanceledException ? $"none within {options.AnswerWithin}" : e.GetBaseException().Message)}", e);

    private LakouException RefusalOf(HttpResponseMessage response, byte[] body)
    {
        Problem? problem = null;
        try
        {
            problem = JsonSerializer.Deserialize<Problem>(body, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            // Not a Lakou, or something between: the status says what there is to say.
        }

        return new($"{http.BaseAddress} answered {(int)response.StatusCode}{(problem?.Fault is { } fault ? $" {fault}" : "")}{(problem?.Detail is { } detail ? $": {detail}" : "")}", null)
        {
            Fault = problem?.Fault,
            Status = response.StatusCode,
            RetryAfter = response.Headers.RetryAfter?.Delta,
        };
    }

    private sealed record Problem(string? Fault, string? Detail);
}
