using Lakou.Core.Time;

namespace Lakou.Gateway.Upstreams.Limits;

/// <summary>What became of somebody who asked for a place.</summary>
internal enum Entry
{
    Admitted,

    /// <summary>As many wait as may.</summary>
    Full,

    /// <summary>It has waited as long as it may.</summary>
    Late,

    /// <summary>Its client has left.</summary>
    Gone,
}

/// <summary>
/// The places of an upstream and those who wait for one. Every route has its own line, first come first served; lines take turns, so
/// that a route which asks for much does not keep the others out. When all that may wait do, who comes from a shorter line takes the
/// place of the last in the longest (the rule of stochastic fairness queueing, McKenney 1990).
/// </summary>
internal sealed class Admission : ISwept, IDisposable
{
    private readonly Lock _placesGate = new();
    private readonly string _upstream;
    private readonly LimitMetrics _metrics;
    private readonly Sweeper _sweeper;
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal); // those of _turns
    private readonly Queue<Line> _turns = new();
    private LimitOptions _options = new();
    private int _places = int.MaxValue;
    private int _taken;
    private int _waiting;

    public Admission(string upstream, LimitMetrics metrics, Sweeper sweeper)
    {
        (_upstream, _metrics, _sweeper) = (upstream, metrics, sweeper);
        metrics.AddUpstream(upstream, this);
    }

    /// <summary>Else nobody need ask.</summary>
    public bool IsLimited => Volatile.Read(ref _places) != int.MaxValue;

    /// <summary><see cref="int.MaxValue"/> without limits.</summary>
    public int Places => Volatile.Read(ref _places);

    public int Taken => Volatile.Read(ref _taken);

    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>From here on; who waits is admitted when there is more room now.</summary>
    public void Follow(LimitOptions? options, int places)
    {
        var admitted = new List<Waiter>();
        lock (_placesGate)
        {
            _options = options ?? _options;
            Volatile.Write(ref _places, places);
            for (; _waiting > 0 && _taken < _places; _taken++)
            {
                admitted.Add(Next());
            }
        }

        admitted.ForEach(waiter => waiter.End(Entry.Admitted));
    }

    /// <summary>A place at once, if there is one. Who has one gives it back by <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        lock (_placesGate)
        {
            var isFree = _waiting == 0 && _taken < _places;
            _taken += isFree ? 1 : 0;
            return isFree;
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="line">Whose turn it is.</param>
    /// <param name="deadline">As a timestamp; no later than this, nor than the limits say.</param>
    /// <param name="gone">Nobody wants the place any more.</param>
    public ValueTask<Entry> WaitAsync(string line, long deadline, CancellationToken gone)
    {
        Waiter? waiter = null;
        Waiter? last = null;
        lock (_placesGate)
        {
            if (_waiting == 0 && _taken < _places)
            {
                _taken++;
                return new(Entry.Admitted);
            }

            if (_waiting < _options.Queue || (last = LastOfLongerThan(line)) is not null)
            {
                Remove(last);
                waiter = Add(line, Math.Min(deadline, _sweeper.Time.GetTimestamp() + (long)(_options.QueueFor.TotalSeconds * _sweeper.Time.TimestampFrequency)));
            }
        }

        last?.End(Refused(Entry.Full));
        return waiter?.WaitAsync(gone) ?? new(Refused(Entry.Full));
    }

    /// <summary>Gives a place back: to who is next, if anybody waits.</summary>
    public void Leave()
    {
        Waiter? next = null;
        lock (_placesGate)
        {
            if (_waiting > 0 && _taken <= _places)
            {
                next = Next();
            }
            else
            {
                _taken--;
            }
        }

        next?.End(Entry.Admitted);
    }

    void ISwept.Sweep(long now)
    {
        var late = new List<Waiter>();
        lock (_placesGate)
        {
            late.AddRange(_turns.SelectMany(line => line.Waiters).Where(waiter => waiter.Deadline <= now));
            late.ForEach(waiter => Remove(waiter));
            if (_waiting == 0)
            {
                _sweeper.Remove(this);
            }
        }

        late.ForEach(waiter => waiter.End(Refused(Entry.Late)));
    }

    public void Dispose()
    {
        Follow(null, int.MaxValue); // requests of a removed upstream are served to their end
        _metrics.RemoveUpstream(_upstream);
    }

    private void Quit(Waiter waiter)
    {
        lock (_placesGate)
        {
            if (!Remove(waiter))
            {
                return; // it has its place, or was refused, already
            }
        }

        waiter.End(Entry.Gone);
    }

    private Entry Refused(Entry how)
    {
        _metrics.Refused(_upstream, how);
        return how;
    }

    private Waiter Add(string name, long deadline)
    {
        if (!_lines.TryGetValue(name, out var line))
        {
            _lines.Add(name, line = new Line(name));
            _turns.Enqueue(line);
        }

        if (_waiting++ == 0)
        {
            _sweeper.Add(this);
        }

        var waiter = new Waiter(this, deadline);
        line.Waiters.AddLast(waiter.Place);
        return waiter;
    }

    /// <summary>False for one who does not wait any more. Whoever takes a waiter out of its line is who ends its wait.</summary>
    private bool Remove(Waiter? waiter)
    {
        if (waiter?.Place.List is not { } line)
        {
            return false;
        }

        line.Remove(waiter.Place);
        _waiting--; // an empty line goes when its turn comes
        return true;
    }

    private Waiter Next()
    {
        while (true)
        {
            var line = _turns.Dequeue();
            var next = line.Waiters.First?.Value;
            Remove(next);
            if (line.Waiters.Count > 0)
            {
                _turns.Enqueue(line);
            }
            else
            {
                _lines.Remove(line.Name);
            }

            if (next is not null)
            {
                return next;
            }
        }
    }

    /// <summary>The last of the longest line, when that is longer than this one becomes.</summary>
    private Waiter? LastOfLongerThan(string name)
    {
        var own = _lines.TryGetValue(name, out var line) ? line.Waiters.Count : 0;
        var longest = _turns.MaxBy(line => line.Waiters.Count)?.Waiters;
        return longest?.Count > own + 1 ? longest.Last!.Value : null;
    }

    private sealed record Line(string Name)
    {
        public LinkedList<Waiter> Waiters { get; } = new();
    }

    private sealed class Waiter
    {
        private readonly TaskCompletionSource<Entry> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Admission _admission;

        public Waiter(Admission admission, long deadline)
        {
            (_admission, Deadline) = (admission, deadline);
            Place = new(this);
        }

        public long Deadline { get; }

        /// <summary>In its line, while it waits.</summary>
        public LinkedListNode<Waiter> Place { get; }

        public async ValueTask<Entry> WaitAsync(CancellationToken gone)
        {
            await using var leaving = gone.UnsafeRegister(static state => ((Waiter)state!)._admission.Quit((Waiter)state), this);
            return await _ended.Task;
        }

        public void End(Entry how) => _ended.SetResult(how);
    }
}
