namespace Lakou.Gateway.Upstreams.Health;

/// <summary>What the probes of one endpoint said, and when the next is due.</summary>
internal sealed class ProbeRecord
{
    private bool _isKnown;
    private int _againstInRow;

    public bool IsUnhealthy { get; private set; }

    /// <summary>What the failed probe found; good while unhealthy.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>A timestamp.</summary>
    public long Due { get; set; }

    public bool IsRunning { get; set; }

    /// <summary>Ends the probe that runs, when its endpoint leaves.</summary>
    public CancellationTokenSource Life { get; } = new();

    /// <summary>Enough outcomes in a row against what was thought change it. Where nothing was known, one is enough, as with HAProxy.</summary>
    public void Accept(ProbeResult result, ActiveOptions options)
    {
        _againstInRow = result.IsPass == IsUnhealthy ? _againstInRow + 1 : 0;
        if (_againstInRow >= (!_isKnown ? 1 : IsUnhealthy ? options.HealthyAfter : options.UnhealthyAfter))
        {
            (IsUnhealthy, _againstInRow) = (!IsUnhealthy, 0);
        }

        _isKnown = true;
        Reason = result.IsPass ? Reason : result.Detail;
    }

    /// <summary>What is asked has changed: the next outcome decides, until then what was known stands.</summary>
    public void Restart() => (_isKnown, _againstInRow) = (false, 0);

    /// <summary>Nothing is known, and so nothing is wrong.</summary>
    public void Forget() => (_isKnown, _againstInRow, IsUnhealthy) = (false, 0, false);
}
