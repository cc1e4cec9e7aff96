using System.Buffers;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;
using Lakou.Http.Server;
using Lakou.Transport;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>One composed answer. The numbered steps are those of <c>docs/compose.md</c>.</summary>
internal sealed class Composition(Exchange exchange, ComposePlan plan, IReadOnlyList<UpstreamState> upstreams) : IClientWatcher, IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly PartCall[] _calls = new PartCall[plan.Parts.Count];
    private PartCall? _failed;
    private long _bytes;

    /// <summary>Where the client's connection lives.</summary>
    public ILoopFeature? Loop { get; } = exchange.Http.Features.Get<ILoopFeature>();

    /// <summary>Nobody waits for parts any more.</summary>
    public CancellationToken Cancelled => _end.Token;

    public bool IsCancelled => _end.IsCancellationRequested;

    /// <summary>Returns when the answer was sent, or the fault that came of it.</summary>
    public async Task<Fault?> RunAsync()
    {
        // 1. What each part is asked.
        if (Prepare() is { } fault)
        {
            return fault;
        }

        // 2. All at once, until the last has ended.
        await AskAsync();
        await LoopSwitch.To(Loop); // the last part may live on another
        Observe();

        // 3. Is there an answer?
        if (exchange.HasClientLeft)
        {
            return UpstreamFaults.ClientGone.With("The client left before the answer was complete.");
        }

        if (_failed is { } failed)
        {
            return failed.Describe();
        }

        // 4. Then it goes out.
        return exchange.Timestamp() >= exchange.TotalDeadline ? Forwarder.TotalTimeout(exchange) : await SendAsync();
    }

    public void Dispose()
    {
        foreach (var call in _calls)
        {
            call?.Body.Dispose();
        }

        _end.Dispose();
    }

    void IClientWatcher.OnClientGone() => Cancel();

    /// <summary>False when all parts together would be too large.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) <= plan.Size)
        {
            return true;
        }

        Give(bytes);
        return false;
    }

    public void Give(long bytes) => Interlocked.Add(ref _bytes, -bytes);

    /// <summary>A required part is missing: there will be no answer, so nobody waits for the others.</summary>
    public void Fail(PartCall call)
    {
        if (Interlocked.CompareExchange(ref _failed, call, null) is null)
        {
            Cancel();
        }
    }

    private Fault? Prepare()
    {
        if (exchange.Method is not ("GET" or "HEAD"))
        {
            exchange.Allow = "GET, HEAD";
            return RoutingFaults.MethodNotAllowed.With($"{exchange.Path} takes {exchange.Allow}.");
        }

        var now = exchange.Timestamp();
        var host = exchange.Features.Request.Headers.Host.ToString();
        for (var i = 0; i < _calls.Length; i++)
        {
            var part = plan.Parts[i];
            var target = PartTarget.Fill(part, exchange.Captures, host, exchange.Target);
            if (PartTarget.Check(part, target) is { } fault)
            {
                return fault;
            }

            _calls[i] = new PartCall(this, exchange, part, upstreams[i], target, now);
        }

        return null;
    }

    private async Task AskAsync()
    {
        var watch = exchange.Features.Watch;
        watch?.Watch(this);
        var gone = watch is null
            ? exchange.Features.Lifetime.RequestAborted.UnsafeRegister(static state => ((Composition)state!).Cancel(), this)
            : default;
        try
        {
            await Task.WhenAll([.. _calls.TakeWhile(_ => !IsCancelled).Select(call => call.RunAsync())]);
        }
        finally
        {
            watch?.Unwatch();
            await gone.DisposeAsync();
        }
    }

    private void Cancel()
    {
        // Who waits for a place is told on the thread pool: this may be an event loop, and inside a lock of the client's connection.
        _ = _end.CancelAsync();
        foreach (var call in _calls)
        {
            call.Close();
        }
    }

    private void Observe()
    {
        exchange.Attempts += _calls.Sum(call => call.Attempts);
        exchange.Queue = _calls.Max(call => call.Queue);
        exchange.Connect = _calls.Max(call => call.Connect);
        exchange.FirstByte = _calls.Max(call => call.FirstByte);
        exchange.Endpoint = _failed?.Endpoint;
        exchange.Challenge = _failed?.Challenge;
    }

    private async Task<Fault?> SendAsync()
    {
        var missing = _calls.Where(call => call.Fault is not null).Select(call => call.Part.Name).ToArray();
        var terms = _calls.Aggregate(missing.Length > 0 ? CacheTerms.Never : CacheTerms.Free, (sum, call) => sum.And(call.Terms));
        var length = plan.Frame.Literals.Sum(literal => literal.Length) + _calls.Sum(call => call.Value.Length);
        var response = exchange.Features.Response;
        response.StatusCode = 200;
        response.Headers.ContentType = "application/json";
        response.Headers.ContentLength = length;
        response.Headers.CacheControl = terms.ToString();
        response.Headers.Vary = terms.Vary.Length > 0 ? terms.Vary : default;
        if (missing.Length > 0)
        {
            response.Headers["Lakou-Compose-Missing"] = string.Join(", ", missing);
            Array.ForEach(missing, name => exchange.RouteMetrics?.Miss(name));
        }

        if (exchange.Method == "HEAD")
        {
            return null;
        }

        exchange.BytesOut = length;
        return await WriteAsync();
    }

    /// <summary>The client's pace is the server's to judge; the time of the route goes on.</summary>
    private async Task<Fault?> WriteAsync()
    {
        var rest = exchange.Time.GetElapsedTime(exchange.Timestamp(), exchange.TotalDeadline);
        using var end = exchange.TotalDeadline == long.MaxValue ? null : new CancellationTokenSource(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, exchange.Time);
        var writer = exchange.Features.ResponseBody.Writer;
        var unflushed = 0L;
        try
        {
            for (var i = 0; i <= _calls.Length; i++)
            {
                writer.Write(plan.Frame.Literals[i]);
                foreach (var piece in i < _calls.Length ? _calls[i].Value : default)
                {
                    writer.Write(piece.Span);
                    unflushed += piece.Length;
                    if (unflushed >= Forwarder.FlushBytes)
                    {
                        unflushed = 0;
                        if (await writer.FlushAsync(end?.Token ?? default) is { IsCompleted: true })
                        {
                            return UpstreamFaults.ClientGone.With("The client left before the answer was complete.");
                        }
                    }
                }
            }

            await writer.FlushAsync(end?.Token ?? default);
            return null;
        }
        catch (OperationCanceledException) when (end is { IsCancellationRequested: true })
        {
            return Forwarder.TotalTimeout(exchange);
        }
    }
}
