using Lakou.Client.Consuming;
using Lakou.Client.Http;

namespace Lakou.Client;

public sealed partial class LakouClient
{
    /// <summary>
    /// Works on a subscription (of <c>mode: queue</c>) until it is stopped. An event is acknowledged when its handler returns and refused when it throws; its lease is
    /// extended while the handler runs. An event may come more than once: after a failure, a lost lease, or an acknowledgement that nobody received.
    /// </summary>
    /// <param name="subscription">An existing one.</param>
    /// <param name="handler">Its token is cancelled when the lease was lost, or when the time to stop is over.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="stopping">Ends it well: nothing more is received, handlers that run go on for <see cref="ConsumeOptions.StopWithin"/>, and what they finish is acknowledged.</param>
    /// <exception cref="LakouException">The subscription cannot be consumed, whenever it is tried: it is unknown, of the other mode, or the token is wrong. While Lakou is away this waits.</exception>
    public Task ConsumeAsync(string subscription, Func<Delivery, CancellationToken, Task> handler, ConsumeOptions? options = null, CancellationToken stopping = default)
        => new Consumer(this, subscription, handler, options ?? new ConsumeOptions()).RunAsync(stopping);

    /// <summary>Leases events once; <see cref="ConsumeAsync"/> is what most programs need.</summary>
    /// <param name="subscription">Of <c>mode: queue</c>.</param>
    /// <param name="max">Most events, 1 to 1000.</param>
    /// <param name="wait">How long to wait for the first; at most 50 s.</param>
    /// <param name="cancelled">Ends the wait; what was leased meanwhile comes again when the lease is over.</param>
    public Task<Received> ReceiveAsync(string subscription, int max = 1, TimeSpan wait = default, CancellationToken cancelled = default)
        => ReceiveAsync(subscription, max, wait, null, cancelled);

    /// <summary>Finishes events: they never come again.</summary>
    /// <param name="subscription">Of <c>mode: queue</c>.</param>
    /// <param name="leases">As <see cref="Delivery.Lease"/> has them, at most 10,000.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>Leases that had ended before: another worker may have the event.</returns>
    public Task<IReadOnlyList<string>> AcknowledgeAsync(string subscription, IReadOnlyList<string> leases, CancellationToken cancelled = default)
        => SettleAsync(subscription, "ack", new SettleShape(leases), null, cancelled);

    /// <summary>Gives events back: they come again, or are dead after their last attempt.</summary>
    /// <param name="subscription">Of <c>mode: queue</c>.</param>
    /// <param name="leases">As <see cref="Delivery.Lease"/> has them, at most 10,000.</param>
    /// <param name="reason">Kept with the attempt; at most 256 characters.</param>
    /// <param name="delay">When they come again; null for what the subscription's <c>retry</c> says.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>Leases that had ended before.</returns>
    public Task<IReadOnlyList<string>> RefuseAsync(string subscription, IReadOnlyList<string> leases, string? reason = null, TimeSpan? delay = null, CancellationToken cancelled = default)
        => SettleAsync(subscription, "nack", new SettleShape(leases, Wire.Seconds(delay), reason), null, cancelled);

    /// <summary>Keeps leases for another <c>lease</c> of the subscription.</summary>
    /// <param name="subscription">Of <c>mode: queue</c>.</param>
    /// <param name="leases">As <see cref="Delivery.Lease"/> has them, at most 10,000.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <returns>Leases that had ended before.</returns>
    public Task<IReadOnlyList<string>> ExtendAsync(string subscription, IReadOnlyList<string> leases, CancellationToken cancelled = default)
        => SettleAsync(subscription, "extend", new SettleShape(leases), null, cancelled);

    internal async Task<Received> ReceiveAsync(string subscription, int max, TimeSpan wait, TimeSpan? retryFor, CancellationToken cancelled)
    {
        var call = new Call(HttpMethod.Post, Call.Of("subscriptions", subscription, "receive")) { Body = Wire.Write(new ReceiveShape(max, Wire.Seconds(wait))), Wait = wait, RetryFor = retryFor };
        var answer = Wire.Read<DeliveryShape>(await Api.SendAsync(call, cancelled).ConfigureAwait(false));
        return answer.Positions is null
            ? new([.. answer.Events.Select(one => new Delivery(subscription, one.Lease!, one.Attempt ?? 1, one.Partition, one.Offset, CloudEventJson.Read(one.Event)))], answer.Deadline - answer.Now)
            : throw new LakouException($"subscription '{subscription}' is a log; read it with ReadLogAsync", null) { Status = System.Net.HttpStatusCode.Conflict, Fault = "subscription/wrong-mode" };
    }

    internal async Task<IReadOnlyList<string>> SettleAsync(string subscription, string verb, SettleShape what, TimeSpan? retryFor, CancellationToken cancelled)
    {
        var call = new Call(HttpMethod.Post, Call.Of("subscriptions", subscription, verb)) { Body = Wire.Write(what), RetryFor = retryFor };
        return Wire.Read<SettledShape>(await Api.SendAsync(call, cancelled).ConfigureAwait(false)).Gone;
    }
}
