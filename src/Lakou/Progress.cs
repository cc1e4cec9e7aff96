using System.Globalization;

namespace Lakou;

/// <summary>How far long work is: one line on standard error that is written over, and only where that is a terminal.</summary>
internal sealed class Progress(string unit)
{
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(200);

    private readonly long _began = TimeProvider.System.GetTimestamp();
    private readonly bool _isShown = !Console.IsErrorRedirected;
    private TimeSpan _last;

    /// <param name="done">So far.</param>
    /// <param name="left">Null when it is not known.</param>
    public void Show(long done, long? left = null)
    {
        var elapsed = TimeProvider.System.GetElapsedTime(_began);
        if (_isShown && elapsed - _last >= s_pace)
        {
            _last = elapsed;
            Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r\e[K{done:N0} {unit}, {done / elapsed.TotalSeconds:N0}/s{(left is { } some ? $", {some:N0} left" : "")}"));
        }
    }

    /// <summary>Takes the line away.</summary>
    public void End()
    {
        if (_isShown && _last > TimeSpan.Zero)
        {
            Console.Error.Write("\r\e[K");
        }
    }
}
