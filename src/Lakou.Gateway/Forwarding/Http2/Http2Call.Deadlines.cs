using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>How long each step may take, and who ends the call from outside.</summary>
internal sealed partial class Http2Call
{
    private readonly Lock _waitGate = new();
    private DeadlineSlot _receive;
    private DeadlineSlot _send;
    private Wait _awaited; // guarded by the gate, as are changes of _receive
    private volatile bool _clientGone;
    private volatile Wait _timedOut;

    public void Sweep(long now)
    {
        var passed = _receive.Fire(now);
        passed = passed == Wait.Nothing ? _send.Fire(now) : passed;
        if (passed != Wait.Nothing)
        {
            _timedOut = passed;
            _ = _cancel.CancelAsync(); // not here: the sweeper has others to ask
        }
    }

    /// <summary>The endpoint does not take what we have for it.</summary>
    public void OnSendWaits() => Set(ref _send, Wait.Idle, _plan.Timeouts.Idle);

    /// <summary>It took it, so it is not idle.</summary>
    public void OnSendMoves()
    {
        _send.Clear();
        lock (_waitGate)
        {
            if (_awaited == Wait.Idle)
            {
                Set(ref _receive, Wait.Idle, _plan.Timeouts.Idle);
            }
        }
    }

    private void OnClientGone()
    {
        _clientGone = true;
        _ = _cancel.CancelAsync();
    }

    /// <summary>While the client sends it is not known when there should be an answer: until then either of them must move.</summary>
    /// <remarks>Where there is no connection yet, dialling has its own time before.</remarks>
    private void ExpectAnswer(bool hasBody)
    {
        var dialling = _endpoint.OpenConnections == 0 ? _plan.Timeouts.Connect : TimeSpan.Zero;
        Expect(hasBody ? Wait.Idle : Wait.Response, dialling + (hasBody ? _plan.Timeouts.Idle : _plan.Timeouts.Response));
    }

    /// <summary>The request is whole; an answer under way has its own deadline.</summary>
    private void AwaitAnswer()
    {
        lock (_waitGate)
        {
            if (!IsAnswered)
            {
                Expect(Wait.Response, _plan.Timeouts.Response);
            }
        }
    }

    private void ExpectMore() => Expect(Wait.Idle, _plan.Timeouts.Idle);

    /// <summary>The overall deadline goes on.</summary>
    private void ExpectNothing() => Expect(Wait.Nothing, Timeout.InfiniteTimeSpan);

    private void Expect(Wait what, TimeSpan within)
    {
        lock (_waitGate)
        {
            _awaited = what;
            Set(ref _receive, what, within);
        }
    }

    private void Set(ref DeadlineSlot slot, Wait what, TimeSpan within)
    {
        var at = what == Wait.Nothing ? long.MaxValue : _exchange.Timestamp() + (long)(within.TotalSeconds * _exchange.Time.TimestampFrequency);
        var total = _exchange.TotalDeadline;
        _ = at <= total ? slot.Set(at == long.MaxValue ? Wait.Nothing : what, at) : slot.Set(Wait.Total, total);
    }
}
