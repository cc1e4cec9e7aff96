using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Lakou.Core.Events;
using Lakou.Core.Hashing;
using Lakou.Log.Frames;
using Lakou.Messaging.Keys;
using Lakou.Messaging.Store;

namespace Lakou.Messaging;

/// <summary>Idempotency keys, in the one table in which accepted events are known too.</summary>
internal sealed partial class Backbone : IKeyStore
{
    private const int LongestScope = 512;
    private const int LongestKey = 255;
    private const int LongestOutcome = 1 << 20;

    public async ValueTask<KeyReservation> ReserveAsync(string scope, string key, UInt128 fingerprint, TimeSpan lease, CancellationToken cancellation)
    {
        if (key.Length is 0 or > LongestKey || Encoding.UTF8.GetByteCount(scope) is 0 or > LongestScope)
        {
            throw new ArgumentException($"a key has 1 to {LongestKey} characters, a scope 1 to {LongestScope} bytes", nameof(key));
        }

        var hash = HashOf(scope, key);
        KeyReservation reservation = new(KeyState.Refused);
        Key known = default;
        var fault = await DecideAsync(0, bringsData: true, () => reservation = Reserve(hash, fingerprint, lease, out known), null, cancellation);
        return fault is not null ? new(KeyState.Refused) { Fault = fault }
            : reservation.State == KeyState.Completed ? reservation with { Outcome = ReadOutcome(known) }
            : reservation;
    }

    public async ValueTask<bool> CompleteAsync(KeyToken token, ReadOnlyMemory<byte> outcome, TimeSpan ttl, CancellationToken cancellation)
    {
        if (outcome.Length > LongestOutcome)
        {
            throw new ArgumentException($"an outcome has at most {LongestOutcome} bytes, not {outcome.Length}", nameof(outcome));
        }

        var isHeld = false;
        var fault = await ChangeAsync(
            () =>
            {
                var now = Store.Now;
                isHeld = Store.State.Keys.TryGetHeld(token.Value, now, out var hash);
                if (!isHeld)
                {
                    return;
                }

                var offset = Store.State.Keys.OutcomeEnd;
                Store.Begin(RecordKind.KeyCompleted).Hash(hash).Long(token.Value).Long(now + (long)ttl.TotalMicroseconds).Long(offset).Raw(FrameOf(outcome.Span, offset, now));
                Store.Append();
            },
            cancellation,
            FrameHead.Bytes + outcome.Length);
        return isHeld && fault is null;
    }

    public async ValueTask AbortAsync(KeyToken token, CancellationToken cancellation)
        => await ChangeAsync(
            () =>
            {
                if (Store.State.Keys.TryGetHeld(token.Value, Store.Now, out var hash))
                {
                    Store.Begin(RecordKind.KeyAborted).Hash(hash).Long(token.Value);
                    Store.Append();
                }
            },
            cancellation);

    private KeyReservation Reserve(UInt128 hash, UInt128 fingerprint, TimeSpan lease, out Key known)
    {
        var now = Store.Now;
        if (!Store.State.Keys.TryGet(hash, now, out known) || known.Work is not { } work)
        {
            if (!Store.State.Keys.HasRoomForWork)
            {
                return new(KeyState.Refused) { Fault = KeyFaults.Full.With($"{Store.State.Keys.Max} keys of work are kept already; raise store.keys, or keep keys for less long") };
            }

            Store.Begin(RecordKind.KeyReserved).Hash(hash).Hash(fingerprint).Long(now + (long)lease.TotalMicroseconds);
            return new(KeyState.Reserved) { Token = new(Store.Append()) };
        }

        return work.Fingerprint != fingerprint ? new(KeyState.Mismatch)
            : work.Outcome is null ? new(KeyState.InProgress) { RetryAfter = TimeSpan.FromMicroseconds(known.Expires - now) }
            : new(KeyState.Completed);
    }

    private byte[] ReadOutcome(in Key known)
    {
        using var block = Store.Files.Outcomes.Read(known.Work!.Outcome!.Value, 1, 1);
        return block.Count == 0 ? [] : block.Frames[FrameHead.Bytes..].ToArray();
    }

    /// <summary>Of the length of the scope, the scope and the key: two scopes never meet.</summary>
    private static UInt128 HashOf(string scope, string key)
    {
        var scopeBytes = Encoding.UTF8.GetByteCount(scope);
        var bytes = new byte[sizeof(int) + scopeBytes + Encoding.UTF8.GetByteCount(key)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, scopeBytes);
        Encoding.UTF8.GetBytes(scope, bytes.AsSpan(sizeof(int)));
        Encoding.UTF8.GetBytes(key, bytes.AsSpan(sizeof(int) + scopeBytes));
        return BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(bytes));
    }

    private static byte[] FrameOf(ReadOnlySpan<byte> outcome, ulong offset, long now)
    {
        var frame = new byte[FrameHead.Bytes + outcome.Length];
        outcome.CopyTo(frame.AsSpan(FrameHead.Bytes));
        BinaryPrimitives.WriteInt32LittleEndian(frame, outcome.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Crc32C.Of(outcome));
        FrameHead.Seal(frame, offset, now);
        return frame;
    }
}
