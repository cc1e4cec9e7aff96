using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Tests.Observation;

public sealed class ExchangeTests
{
    [Fact]
    public void Reset_leaves_nothing_of_the_request_and_all_of_the_connection()
    {
        Exchange exchange = Exchanges.Full();
        exchange.Scheme = "https";
        exchange.ClientGone = true;
        exchange.Started = 7;
        string[] kept = [nameof(Exchange.Listener), nameof(Exchange.Protocol), nameof(Exchange.Scheme), nameof(Exchange.ClientAddress)];
        exchange.Reset();

        var fresh = Exchanges.Empty();
        foreach (System.Reflection.PropertyInfo property in typeof(Exchange).GetProperties())
        {
            object? expected = property.GetValue(kept.Contains(property.Name) ? Exchanges.Full() : fresh);
            Assert.Equal(property.Name == nameof(Exchange.Scheme) ? "https" : expected, property.GetValue(exchange));
        }
    }
}
