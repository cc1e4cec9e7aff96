using System.Net;
using Lakou.Load;
using Lakou.Load.Brokers;

// What bench/gateway asks of a proxy, and bench/journal of a broker, and Debian's load generators cannot do. Each run ends with one line, as report.lua has it:
// SUMMARY {"requests":…,"seconds":…,"p50":…,"p99":…,…}
const string Usage = $"""
    usage: Lakou.Load echo ADDRESS                                    a WebSocket server that sends every message back
           Lakou.Load websocket ADDRESS PATH CONNECTIONS SECONDS      messages to such a server, one in flight on each connection
           Lakou.Load rate ADDRESS PATH CONNECTIONS RATE SECONDS      GET at a constant rate, latencies from the intended times
    and, where NAME is lakou, redis or nats:
    {BrokerCommand.Usage}
    """;

try
{
    switch (args)
    {
        case ["echo", var address]:
            await WebSocketEcho.ServeAsync(IPEndPoint.Parse(address));
            return 0;

        case ["websocket", var address, var path, var connections, var seconds]:
            Console.WriteLine(await new WebSocketLoad(IPEndPoint.Parse(address), path).RunAsync(int.Parse(connections), int.Parse(seconds)));
            return 0;

        case ["rate", var address, var path, var connections, var rate, var seconds]:
            Console.WriteLine(new ConstantRate(IPEndPoint.Parse(address), path, double.Parse(rate)).Run(int.Parse(connections), int.Parse(seconds)));
            return 0;

        case ["lakou", .. var rest]:
            return await BrokerCommand.RunAsync(address => new LakouBroker(IPEndPoint.Parse(address)), rest);

        case ["redis", .. var rest]:
            return await BrokerCommand.RunAsync(address => new RedisBroker(IPEndPoint.Parse(address)), rest);

        case ["nats", .. var rest]:
            return await BrokerCommand.RunAsync(address => new NatsBroker(IPEndPoint.Parse(address)), rest);
    }
}
catch (FormatException)
{
    // A number or an address that is none.
}

Console.Error.WriteLine(Usage);
return 2;
