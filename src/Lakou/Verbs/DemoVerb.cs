using System.CommandLine;
using Lakou.Control;
using Lakou.Core.Configuration;
using Lakou.Demo;

namespace Lakou.Verbs;

/// <summary><c>lakou demo</c></summary>
internal static class DemoVerb
{
    public static Command Create()
    {
        var duration = Inputs.Duration("--for", "Ends by itself after this time, with exit code 0.");
        var print = new Option<bool>("--print") { Description = "Prints the configuration that the demo runs on, and ends." };
        var command = new Command("demo", "Starts three small services, a gateway in front of them, events between them, and shows what to try.") { duration, print };
        command.SetAction(async (parsed, _) =>
        {
            if (parsed.GetValue(print))
            {
                await Console.Out.WriteAsync(DemoConfiguration.Text(DemoPorts.Friendly));
                return ExitCode.Fine;
            }

            return await RunAsync(parsed.GetValue(duration));
        });
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan? duration)
    {
        var store = Directory.CreateTempSubdirectory("lakou-demo-").FullName;
        try
        {
            return await RunAsync(duration, store);
        }
        finally
        {
            Directory.Delete(store, recursive: true);
        }
    }

    private static async Task<int> RunAsync(TimeSpan? duration, string store)
    {
        await using var services = await DemoServices.StartAsync(TimeProvider.System);
        var ports = services.Ports with { Gateway = DemoPorts.OrFree(DemoPorts.Friendly.Gateway), Admin = DemoPorts.OrFree(DemoPorts.Friendly.Admin) };
        var loaded = ConfigurationLoader.LoadText("demo.yaml", DemoConfiguration.Text(ports, store), Environment.CurrentDirectory, ReferenceSource.None);
        await using var output = Console.OpenStandardOutput();
        await using var billing = new DemoBilling(Console.Out);
        return await Serving.RunAsync(
            loaded,
            new HostSettings { AccessOutput = output },
            host =>
            {
                DemoTour.Show(Console.Out, ports, host);
                billing.Start(new Uri($"http://{host.AdminEndPoint}"));
            },
            duration);
    }
}
