using Lakou.Gateway.Layer4;

namespace Lakou.Gateway.Observation;

internal ref partial struct AccessLine
{
    /// <summary>The line of a connection or session of layer 4: what belongs to requests alone is left out, and <c>host</c> is the name asked for by TLS.</summary>
    /// <param name="connection">Over.</param>
    /// <param name="json">JSON, else text.</param>
    /// <param name="now">Its end.</param>
    /// <param name="destination">At least <see cref="MaxBytes"/>.</param>
    /// <returns>Bytes written, the newline included.</returns>
    public static int Format(RelayedConnection connection, bool json, DateTimeOffset now, Span<byte> destination)
    {
        var line = new AccessLine(destination, json);
        line.Raw(json ? "{\"time\":\""u8 : ""u8);
        line.Time(now);
        line.Raw(json ? "\""u8 : ""u8);
        line.Client(connection.Client);
        line.Placed("method"u8, null, NameClip);
        line.Placed("host"u8, connection.ServerName, HostClip);
        line.Placed("path"u8, null, PathClip);
        line.Placed("protocol"u8, connection.Protocol, NameClip);
        line.Placed("status"u8, null, NameClip);
        line.Number("bytes_in"u8, connection.BytesIn);
        line.Number("bytes_out"u8, connection.BytesOut);
        line.Optional("listener"u8, connection.Listener, NameClip);
        line.Optional("upstream"u8, connection.Upstream, NameClip);
        line.Optional("endpoint"u8, connection.Endpoint, NameClip);
        line.Number("attempts"u8, connection.Attempts);
        line.Optional("fault"u8, connection.Fault?.Code.Name, NameClip);
        line.Optional("detail"u8, connection.Fault?.Detail, DetailClip);
        line.Milliseconds("connect_ms"u8, connection.Connect);
        line.Milliseconds("total_ms"u8, connection.Total);
        line.Raw(json ? "}\n"u8 : "\n"u8);
        return line._at;
    }
}
