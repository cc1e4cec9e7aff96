using System.Net;
using System.Net.Sockets;

namespace Lakou.Load;

/// <summary>
/// An open loop: request k is due at start + k / rate, whatever happened to those before it. Its latency counts from then,
/// so that a proxy that stalls pays for everyone who would have come meanwhile (no coordinated omission).
/// </summary>
/// <remarks>One thread that never waits but yields its core to the upstream at every turn: timers are a millisecond coarse, as long as what is measured.</remarks>
internal sealed class ConstantRate(IPEndPoint address, string path, double rate)
{
    // After the last request was due, for those on their way.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock = TimeProvider.System;
    private readonly Summary _summary = new();
    private readonly Queue<HttpConnection> _free = [];
    private readonly List<HttpConnection> _busy = [];
    private long _sent;

    public Summary Run(int connections, int seconds)
    {
        Open(connections);
        var total = (long)(rate * seconds);
        var start = _clock.GetTimestamp();
        TimeSpan now;
        do
        {
            now = _clock.GetElapsedTime(start);
            SendDue(now, total);
            Collect(start);
            Thread.Yield();
        }
        while ((_sent < total || _busy.Count > 0) && _free.Count + _busy.Count > 0 && now < TimeSpan.FromSeconds(seconds) + Grace);

        CountUnanswered(now, total);
        _summary.Elapsed = now;
        return _summary;
    }

    private TimeSpan Due(long request) => TimeSpan.FromSeconds(request / rate);

    private void Open(int connections)
    {
        for (var i = 0; i < connections; i++)
        {
            try
            {
                _free.Enqueue(new HttpConnection(address, path));
            }
            catch (SocketException)
            {
                _summary.Connect++;
            }
        }
    }

    // The connection that was free for the longest goes first: all of them work.
    private void SendDue(TimeSpan now, long total)
    {
        while (_sent < total && _free.Count > 0 && Due(_sent) <= now)
        {
            var connection = _free.Dequeue();
            var due = Due(_sent++);
            _summary.Lags.Add(now - (due > connection.FreeSince ? due : connection.FreeSince));
            if (connection.TrySend(due))
            {
                _busy.Add(connection);
            }
            else
            {
                _summary.Write++;
                connection.Dispose();
            }
        }
    }

    private void Collect(long start)
    {
        for (var i = _busy.Count - 1; i >= 0; i--)
        {
            var connection = _busy[i];
            var progress = connection.Receive();
            if (progress == Progress.Waiting)
            {
                continue;
            }

            _busy[i] = _busy[^1];
            _busy.RemoveAt(_busy.Count - 1);
            if (progress == Progress.Broken)
            {
                _summary.Read++;
                connection.Dispose();
                continue;
            }

            var now = _clock.GetElapsedTime(start);
            _summary.Requests++;
            _summary.Status += progress == Progress.Refused ? 1 : 0;
            _summary.Latencies.Add(now - connection.Due);
            connection.FreeSince = now;
            _free.Enqueue(connection);
        }
    }

    // They have waited this long at least. Left out, a proxy that drowns would look quick.
    private void CountUnanswered(TimeSpan now, long total)
    {
        _summary.Unanswered = _busy.Count;
        foreach (var connection in _busy)
        {
            _summary.Latencies.Add(now - connection.Due);
        }

        for (; _sent < total && Due(_sent) <= now; _sent++)
        {
            _summary.Unanswered++;
            _summary.Latencies.Add(now - Due(_sent));
        }
    }
}
