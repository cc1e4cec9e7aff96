using System.Collections.Concurrent;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

/// <summary>An HTTP API whose next answers the test writes; a request beyond them is kept waiting.</summary>
internal sealed class ScriptedApi : IAsyncDisposable
{
    private readonly ConcurrentQueue<RequestDelegate> _answers = new();
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<string> _tokens = new();
    private KestrelUpstream _server = null!;

    public string Url => _server.Url;

    /// <summary>Paths with their queries, unescaped.</summary>
    public string[] Requests => [.. _requests];

    public string[] Tokens => [.. _tokens];

    public static async Task<ScriptedApi> StartAsync()
    {
        var api = new ScriptedApi();
        api._server = await KestrelUpstream.StartAsync(api.AnswerAsync);
        return api;
    }

    public ScriptedApi Then(RequestDelegate answer)
    {
        _answers.Enqueue(answer);
        return this;
    }

    public ScriptedApi Then(int status, string body, string? index = null) => Then(context =>
    {
        context.Response.StatusCode = status;
        if (index is not null)
        {
            context.Response.Headers["X-Consul-Index"] = index;
        }

        return context.Response.WriteAsync(body);
    });

    public Task HasRequestsAsync(int count) => Waiting.UntilAsync(() => _requests.Count >= count);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        _requests.Enqueue(Uri.UnescapeDataString($"{context.Request.Path}{context.Request.QueryString}"));
        _tokens.Enqueue($"{context.Request.Headers.Authorization}{context.Request.Headers["X-Consul-Token"]}");
        return _answers.TryDequeue(out var answer) ? answer(context) : Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
    }
}
