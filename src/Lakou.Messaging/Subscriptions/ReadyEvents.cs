using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <param name="Rank">Its place among events with its key.</param>
internal readonly record struct ReadyEvent(EventPlace Place, ulong Key, byte Priority, ulong Rank);

/// <summary>
/// Events that may be given out now, or once those with the same key before them are finished. Fair between keys: they take turns, highest
/// priority first, so one key with a million events delays another by one event.
/// <code>
/// priority 9 ─► (key a: 17 21 30) (key c: 18) ─┐ a turn takes one event of a key, and the key goes to the end of the line
///          …                                   │
/// priority 4 ─► (key b: 19 20) ◄───────────────┘ with order: key it leaves the line until that event is finished
/// </code>
/// </summary>
internal sealed class ReadyEvents
{
    private const int Priorities = 10;

    private readonly Dictionary<(ulong Key, byte Priority), KeyLine> _lines = [];
    private readonly Queue<KeyLine>[] _turns = [.. Enumerable.Range(0, Priorities).Select(_ => new Queue<KeyLine>())];
    private readonly Stack<KeyLine> _free = [];

    /// <summary>Whether a key's events go out one after the other.</summary>
    public bool IsOrdered { get; set; }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    public void Add(in ReadyEvent ready)
    {
        var line = LineOf(ready.Key, ready.Priority);
        line.Insert(ready);
        Count++;
        TakeTurn(line);
    }

    /// <summary>An event of this key is out, or waits: with order: key the others wait for it.</summary>
    public void Block(ulong key, byte priority)
    {
        if (IsLineOrdered(key))
        {
            LineOf(key, priority).Blocks++;
        }
    }

    /// <summary>It is finished, or ready again.</summary>
    public void Unblock(ulong key, byte priority)
    {
        if (!IsLineOrdered(key))
        {
            return;
        }

        var line = LineOf(key, priority);
        line.Blocks--;
        TakeTurn(line);
        FreeIfDone(line);
    }

    /// <summary>Takes the next one. It blocks its key.</summary>
    public bool TryTake(out ReadyEvent taken)
    {
        for (var priority = Priorities - 1; priority >= 0; priority--)
        {
            var turns = _turns[priority];
            while (turns.TryDequeue(out var line))
            {
                line.IsInLine = false;
                if (line.Blocks > 0 || line.Count == 0)
                {
                    continue;
                }

                if (line.First.Priority != priority)
                {
                    TakeTurn(line); // its first event is another by now
                    continue;
                }

                taken = line.TakeFirst();
                Count--;
                if (IsLineOrdered(taken.Key))
                {
                    line.Blocks++;
                }
                else
                {
                    TakeTurn(line);
                    FreeIfDone(line);
                }

                return true;
            }
        }

        taken = default;
        return false;
    }

    public void Clear()
    {
        _lines.Clear();
        Array.ForEach(_turns, turns => turns.Clear());
        Count = 0;
    }

    // An event without a key has no order with others.
    private bool IsLineOrdered(ulong key) => IsOrdered && key != 0;

    private KeyLine LineOf(ulong key, byte priority)
    {
        var id = (key, IsLineOrdered(key) ? (byte)0 : priority);
        if (!_lines.TryGetValue(id, out var line))
        {
            line = _free.TryPop(out var free) ? free : new KeyLine();
            line.Id = id;
            _lines.Add(id, line);
        }

        return line;
    }

    private void TakeTurn(KeyLine line)
    {
        if (line is { IsInLine: false, Blocks: 0, Count: > 0 })
        {
            line.IsInLine = true;
            _turns[line.First.Priority].Enqueue(line);
        }
    }

    private void FreeIfDone(KeyLine line)
    {
        const int Kept = 1024;
        if (line is { Blocks: 0, Count: 0, IsInLine: false } && _lines.Remove(line.Id) && _free.Count < Kept)
        {
            _free.Push(line);
        }
    }

    /// <summary>Events of one key by rank; a ring.</summary>
    private sealed class KeyLine
    {
        private ReadyEvent[] _events = new ReadyEvent[1];
        private int _first;

        public (ulong Key, byte Priority) Id { get; set; }

        public int Count { get; private set; }

        public int Blocks { get; set; }

        public bool IsInLine { get; set; }

        public ReadyEvent First => _events[_first];

        public ReadyEvent TakeFirst()
        {
            var taken = _events[_first];
            _first = (_first + 1) % _events.Length;
            Count--;
            return taken;
        }

        public void Insert(in ReadyEvent ready)
        {
            if (Count == _events.Length)
            {
                var larger = new ReadyEvent[Count * 2];
                for (var i = 0; i < Count; i++)
                {
                    larger[i] = At(i);
                }

                (_events, _first) = (larger, 0);
            }

            // Nearly always behind the last; what comes again was there before the others.
            var at = Count;
            for (; at > 0 && At(at - 1).Rank > ready.Rank; at--)
            {
                At(at) = At(at - 1);
            }

            At(at) = ready;
            Count++;
        }

        private ref ReadyEvent At(int index) => ref _events[(_first + index) % _events.Length];
    }
}
