using Lakou.Load.Brokers;
using Lakou.Peers;

// The brokers of bench/journal that are asked through the clients that others made for them. Each run ends with one line, as Lakou.Load has it.
try
{
    switch (args)
    {
        case ["rabbitmq", .. var rest]:
            return await BrokerCommand.RunAsync(address => new RabbitBroker(address), rest);

        case ["postgres", .. var rest]:
            return await BrokerCommand.RunAsync(address => new PostgresBroker(address), rest);
    }
}
catch (FormatException)
{
    // A number that is none.
}

Console.Error.WriteLine($"usage, where NAME is rabbitmq or postgres:\n{BrokerCommand.Usage}");
return 2;
