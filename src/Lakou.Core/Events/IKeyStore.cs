using Lakou.Core.Faults;

namespace Lakou.Core.Events;

/// <summary>
/// Idempotency keys (IETF draft-ietf-httpapi-idempotency-key-header-07): a piece of work that is named by a key is done once, and who asks again
/// gets what came of it.
/// <code>
///            reserve              complete
///   (free) ──────────► reserved ──────────► completed ── ttl ──► (free)
///      ▲                  │
///      └── abort, lease ──┘
/// </code>
/// Each step is atomic, durable before it is answered, and survives a restart. A lease bounds how long a key stays taken when who reserved it
/// dies: work that may take longer needs a longer one.
/// </summary>
public interface IKeyStore
{
    /// <summary>Takes a key that is free, or tells what there is of it. Of any number who ask at once for a free key, one gets it.</summary>
    /// <param name="scope">Whose key it is, such as a route and a client: keys of different scopes never meet. 1 to 512 bytes of UTF-8.</param>
    /// <param name="key">As the client sent it, without quotes. 1 to 255 characters (Stripe's bound).</param>
    /// <param name="fingerprint">Of what is to be done, by which another request with the same key is told; the first 16 bytes of a SHA-256.</param>
    /// <param name="lease">How long the key stays taken unless it is completed or aborted before.</param>
    ValueTask<KeyReservation> ReserveAsync(string scope, string key, UInt128 fingerprint, TimeSpan lease, CancellationToken cancellation);

    /// <summary>Keeps what came of the work, for who asks again.</summary>
    /// <param name="outcome">At most 1 MiB; what it means is the caller's.</param>
    /// <param name="ttl">How long it is kept; then the key is free.</param>
    /// <returns>
    /// False when the lease had ended before: the outcome is not kept, and another may have done the work meanwhile. Completing twice with one
    /// token is false the second time.
    /// </returns>
    ValueTask<bool> CompleteAsync(KeyToken token, ReadOnlyMemory<byte> outcome, TimeSpan ttl, CancellationToken cancellation);

    /// <summary>Nothing was done: the key is free again. Does nothing when the reservation has ended already.</summary>
    ValueTask AbortAsync(KeyToken token, CancellationToken cancellation);
}

/// <summary>A reservation; no two ever have the same, so that one whose lease has ended cannot complete the next.</summary>
public readonly record struct KeyToken(ulong Value);

public enum KeyState
{
    /// <summary>The work is the caller's, under <see cref="KeyReservation.Token"/>.</summary>
    Reserved,

    /// <summary>Somebody does it now (409, with <see cref="KeyReservation.RetryAfter"/>).</summary>
    InProgress,

    /// <summary>It is done: <see cref="KeyReservation.Outcome"/> is what came of it.</summary>
    Completed,

    /// <summary>The key is taken by work with another fingerprint, running or done (422).</summary>
    Mismatch,

    /// <summary>The store has no room for another key, or cannot write: <see cref="KeyReservation.Fault"/>. Nothing was reserved.</summary>
    Refused,
}

/// <summary>The answer to a reservation.</summary>
/// <param name="State">What of the rest counts.</param>
public sealed record KeyReservation(KeyState State)
{
    public KeyToken Token { get; init; }

    /// <summary>When the lease of who does it now ends.</summary>
    public TimeSpan RetryAfter { get; init; }

    public ReadOnlyMemory<byte> Outcome { get; init; }

    public Fault? Fault { get; init; }
}
