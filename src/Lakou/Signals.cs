using System.Runtime.InteropServices;

namespace Lakou;

/// <summary>
/// What the operator asks of a running process. SIGTERM or SIGINT: <see cref="Stop"/>; either once more: <see cref="Now"/>; SIGHUP: reload.
/// </summary>
internal sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _now = new();
    private readonly PosixSignalRegistration[] _registrations;

    /// <param name="reload">Called for each SIGHUP; must not block.</param>
    public Signals(Action reload) => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, End),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, End),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            reload();
        }),
    ];

    /// <summary>Finish what runs, then end.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>End at once.</summary>
    public CancellationToken Now => _now.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
        _now.Dispose();
    }

    private void End(PosixSignalContext signal)
    {
        signal.Cancel = true; // else the runtime ends the process itself
        (_stop.IsCancellationRequested ? _now : _stop).Cancel();
    }
}
