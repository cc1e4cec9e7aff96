using System.Net;
using System.Text;
using System.Text.Json;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class RelayedConnectionTests
{
    private static readonly DateTimeOffset s_now = new(2025, 11, 21, 1, 52, 0, 123, TimeSpan.Zero);

    private static RelayedConnection Full => new("edge", "tcp", 0)
    {
        Client = IPAddress.Parse("192.0.2.1"),
        ServerName = "a.example.org",
        Upstream = "app",
        Endpoint = "tcp://127.0.0.1:5432",
        Attempts = 2,
        Connect = TimeSpan.FromMilliseconds(1.5),
        Total = TimeSpan.FromSeconds(3),
        BytesIn = 17,
        BytesOut = 1_000_000,
        Fault = Layer4Faults.IdleTimeout.With("it is \"so\""),
    };

    [Fact]
    public void A_line_of_text_has_a_dash_for_what_only_requests_have()
        => Assert.Equal(
            "2025-11-21T01:52:00.123Z 192.0.2.1 - a.example.org - tcp - bytes_in=17 bytes_out=1000000 listener=edge upstream=app endpoint=tcp://127.0.0.1:5432"
            + " attempts=2 fault=layer4/idle-timeout detail=\"it is \\\"so\\\"\" connect_ms=1.500 total_ms=3000.000\n",
            Line(Full, json: false));

    [Fact]
    public void A_line_of_JSON_leaves_it_out()
    {
        string[] keys = [.. JsonDocument.Parse(Line(Full, json: true)).RootElement.EnumerateObject().Select(property => property.Name)];
        Assert.Equal(
            ["time", "client", "host", "protocol", "bytes_in", "bytes_out", "listener", "upstream", "endpoint", "attempts", "fault", "detail", "connect_ms", "total_ms"],
            keys);
        Assert.Equal("{\"time\":\"2025-11-21T01:52:00.123Z\",\"protocol\":\"udp\",\"bytes_in\":0,\"bytes_out\":0,\"listener\":\"dns\",\"attempts\":0,\"connect_ms\":0.000,\"total_ms\":0.000}\n", Line(new("dns", "udp", 0), json: true));
    }

    private static string Line(RelayedConnection connection, bool json)
    {
        var bytes = new byte[AccessLine.MaxBytes];
        return Encoding.UTF8.GetString(bytes, 0, AccessLine.Format(connection, json, s_now, bytes));
    }
}
