using System.Globalization;
using System.Net.Sockets;

namespace Lakou.Load.Brokers;

/// <summary>What bench/journal asks of every broker, whichever program knows it.</summary>
internal static class BrokerCommand
{
    public const string Usage = """
        NAME reset ADDRESS SUBSCRIPTIONS                         no events, and so many subscriptions
        NAME publish ADDRESS WORKERS BATCH SUBSCRIPTIONS LENGTH  batches, each after the answer to the one before
        NAME cycle ADDRESS WORKERS BATCH SUBSCRIPTIONS LENGTH    each batch is published, and taken from every subscription
        NAME first ADDRESS                                       tries until one event could be taken, and says so
        LENGTH is a time, 4s, or a number of events
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <param name="arguments">What follows the name.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(Func<string, IBroker> open, string[] arguments)
    {
        try
        {
            await ServeAsync(open, arguments);
            return 0;
        }
        catch (Exception e) when (e is BrokerException or SocketException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static async Task ServeAsync(Func<string, IBroker> open, string[] arguments)
    {
        switch (arguments)
        {
            case ["reset", var address, var subscriptions]:
                await open(address).ResetAsync(Count(subscriptions));
                return;

            case ["publish" or "cycle", var address, var workers, var batch, var subscriptions, var length]:
                var isTimed = length.EndsWith('s');
                var loop = new ClosedLoop(
                    open(address), Count(batch), Count(subscriptions), areTakers: arguments[0] == "cycle",
                    isTimed ? TimeSpan.FromSeconds(Count(length[..^1])) : TimeSpan.MaxValue, isTimed ? long.MaxValue : Count(length));
                Console.WriteLine(await loop.RunAsync(Count(workers)));
                return;

            case ["first", var address]:
                await FirstAsync(open(address));
                return;

            default:
                throw new FormatException("These are no arguments.");
        }
    }

    private static int Count(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    // Whatever is thrown while a server starts means: not yet.
    private static async Task FirstAsync(IBroker broker)
    {
        Console.WriteLine("WAITING");
        while (true)
        {
            try
            {
                await using var worker = await broker.OpenAsync(1, 1, isTaker: true);
                await worker.TakeAsync(0);
                Console.WriteLine("FIRST");
                return;
            }
            catch (Exception)
            {
                await Task.Delay(Pause, TimeProvider.System);
            }
        }
    }
}
