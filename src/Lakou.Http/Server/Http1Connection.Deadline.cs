using Lakou.Core.Time;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Http.Server;

/// <summary>
/// The one deadline that runs at a time, in one word, so that a request sets it with a plain write and the sweeper can take it
/// only as long as it is the same one.
/// <code>
///  timestamp (62 bits) | kind (2 bits)        None: never        Fired: passed; the connection has been woken
/// </code>
/// </summary>
public sealed partial class Http1Connection<TContext>
{
    private const long KindMask = 3;
    private const long None = long.MaxValue;
    private const long Fired = long.MaxValue - KindMask - 1;

    private long _deadline = None;

    private enum Deadline : long
    {
        Idle,
        Head,
        Linger,
    }

    /// <summary>The deadline passed, and no other was set since.</summary>
    private bool HasFired => Volatile.Read(ref _deadline) == Fired;

    /// <inheritdoc/>
    void ISwept.Sweep(long now)
    {
        _requestBody.CheckRate(now);
        CheckWriteRate(now);
        var deadline = Volatile.Read(ref _deadline);
        if (now < (deadline & ~KindMask) || deadline >= Fired || Interlocked.CompareExchange(ref _deadline, Fired, deadline) != deadline)
        {
            return;
        }

        if ((Deadline)(deadline & KindMask) == Deadline.Linger)
        {
            _connection.Abort(new ConnectionAbortedException("The client did not stop sending after the response."));
        }

        Wake();
    }

    private void Arm(Deadline kind, TimeSpan after) => Arm(kind, _time.GetTimestamp(), after);

    private void Arm(Deadline kind, long now, TimeSpan after) => Volatile.Write(ref _deadline, At(kind, now, after));

    /// <summary>As <see cref="Arm(Deadline, TimeSpan)"/>, from any thread, unless what is set comes first or has fired or was taken back.</summary>
    private void ArmEarlier(Deadline kind, TimeSpan after)
    {
        var earlier = At(kind, _time.GetTimestamp(), after);
        var current = Volatile.Read(ref _deadline);
        if (current < Fired && earlier < current)
        {
            Interlocked.CompareExchange(ref _deadline, earlier, current);
        }
    }

    private void Disarm() => Volatile.Write(ref _deadline, None);

    private long At(Deadline kind, long now, TimeSpan after) => ((now + Ticks(after)) & ~KindMask) | (long)kind;

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);

    /// <summary>
    /// Makes the pending read of the input, or the next one, return early. Whoever reads looks at what has changed and reads on
    /// when nothing has, so one wake too many harms nobody. Off this thread, because the reader goes on wherever it is woken.
    /// </summary>
    private void Wake() => ThreadPool.UnsafeQueueUserWorkItem(static input => input.CancelPendingRead(), _input, preferLocal: false);
}
