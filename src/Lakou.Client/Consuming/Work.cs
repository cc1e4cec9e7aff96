namespace Lakou.Client.Consuming;

/// <summary>One event that a consumer has, until Lakou knows what became of it.</summary>
internal sealed class Work
{
    // Without a timer it holds nothing that would have to be disposed.
    private readonly CancellationTokenSource _ends = new();
    private readonly CancellationTokenRegistration _cut;

    /// <param name="cut">The time to stop is over.</param>
    public Work(Delivery delivery, CancellationToken cut)
    {
        Delivery = delivery;
        _cut = cut.UnsafeRegister(static ends => ((CancellationTokenSource)ends!).Cancel(), _ends);
    }

    public Delivery Delivery { get; }

    /// <summary>What its handler gets.</summary>
    public CancellationToken Token => _ends.Token;

    /// <summary>Another worker may have the event.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Why the event is refused; null to acknowledge it.</summary>
    public string? Refusal { get; private set; }

    public TimeSpan? Delay { get; private set; }

    public void Lose()
    {
        IsLost = true;
        _ends.Cancel();
    }

    public void Refuse(string reason, TimeSpan? delay) => (Refusal, Delay) = (reason, delay);

    public void Forget() => _cut.Unregister();
}
