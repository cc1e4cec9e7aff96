namespace Lakou.Core.Time;

/// <summary>Something with deadlines of its own that wants to be asked about them from time to time.</summary>
public interface ISwept
{
    /// <summary>
    /// Never throws and never blocks: all other members wait meanwhile. May come once more, late, after <see cref="Sweeper.Remove"/>.
    /// </summary>
    /// <param name="now">A timestamp of the sweeper's <see cref="TimeProvider"/>.</param>
    void Sweep(long now);
}

/// <summary>
/// One timer for many deadlines. Setting or clearing a deadline is a plain write in its owner and costs nothing;
/// only a deadline that passes costs work. Resolution is the period.
/// </summary>
public sealed class Sweeper : IDisposable
{
    private readonly Lock _membersGate = new();
    private readonly Dictionary<ISwept, int> _indexes = new(ReferenceEqualityComparer.Instance);
    private readonly ITimer _timer;
    private ISwept?[] _members = new ISwept?[64];
    private ISwept?[] _snapshot = [];
    private int _count;
    private int _sweeping;

    public Sweeper(TimeProvider time, TimeSpan period)
    {
        Time = time;
        _timer = time.CreateTimer(static state => ((Sweeper)state!).SweepAll(), this, period, period);
    }

    public TimeProvider Time { get; }

    public void Add(ISwept member)
    {
        lock (_membersGate)
        {
            if (_indexes.TryAdd(member, _count))
            {
                if (_count == _members.Length)
                {
                    Array.Resize(ref _members, _count * 2);
                }

                _members[_count++] = member;
            }
        }
    }

    public void Remove(ISwept member)
    {
        lock (_membersGate)
        {
            if (_indexes.Remove(member, out var index))
            {
                var last = _members[--_count]!;
                _members[_count] = null;
                if (index < _count)
                {
                    _members[index] = last;
                    _indexes[last] = index;
                }
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void SweepAll()
    {
        // A sweep that outlasts the period is not joined by a second one.
        if (Interlocked.Exchange(ref _sweeping, 1) != 0)
        {
            return;
        }

        int count;
        lock (_membersGate)
        {
            count = _count;
            if (_snapshot.Length < count)
            {
                _snapshot = new ISwept?[_members.Length];
            }

            Array.Copy(_members, _snapshot, count);
        }

        var now = Time.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            _snapshot[i]!.Sweep(now);
        }

        Array.Clear(_snapshot, 0, count);
        Volatile.Write(ref _sweeping, 0);
    }
}
