using Lakou.Control;

namespace Lakou.Demo;

/// <summary>What the demo prints: where everything is, and what to try.</summary>
internal static class DemoTour
{
    public static void Show(TextWriter to, DemoPorts ports, LakouHost host)
    {
        var style = Style.For(to);
        var gateway = $"http://{host.EndPointOf("web")}";
        var admin = $"http://{host.AdminEndPoint}";

        to.WriteLine();
        to.WriteLine($"  {style.Strong("Lakou")}  one gate in front of three services, events between them");
        to.WriteLine();
        to.WriteLine($"  gateway    {gateway}");
        to.WriteLine($"  admin      {admin}");
        to.WriteLine($"  services   fast   127.0.0.1:{ports.FastOne} and 127.0.0.1:{ports.FastTwo}");
        to.WriteLine($"             slow   127.0.0.1:{ports.Slow}");
        to.WriteLine($"             flaky  127.0.0.1:{ports.Flaky}");
        to.WriteLine("  events     orders, consumed by billing");
        to.WriteLine($"  file       {style.Faint("lakou demo --print")}");
        to.WriteLine();
        to.WriteLine($"  {style.Strong("Try")}, in another terminal:");
        Show(to, style, Requests(gateway, admin));
        to.WriteLine();
        to.WriteLine($"  {style.Strong("Events")}: an order that waits for whoever bills it");
        Show(to, style, Events(gateway, admin));
        to.WriteLine();
        to.WriteLine($"  Each request is a line below, and what billing does. {style.Strong("Ctrl-C")} ends the demo.");
        to.WriteLine();
        to.Flush();
    }

    private static void Show(TextWriter to, Style style, (string Command, string Shows)[] lines)
    {
        foreach (var (command, shows) in lines)
        {
            to.WriteLine();
            to.WriteLine($"  {style.Command(command)}");
            to.WriteLine($"  {style.Faint(shows)}");
        }
    }

    private static (string Command, string Shows)[] Requests(string gateway, string admin) =>
    [
        ($"curl -i {gateway}/hello", "A request gets an id. Once more: the other instance of fast answers."),
        ($"curl -N {gateway}/ticks", "Server-sent events pass line by line, as the slow service writes them."),
        ($"curl -i {gateway}/report", "The route waits 250 ms, the service takes longer: 504, with its fault code."),
        ($"curl -i {gateway}/mixed", "Two in three go to fast, one to flaky: 503, or 502 when it breaks off."),
        ($"curl -s {admin}/metrics | grep ^lakou_requests_total", "What happened so far, by route and status class."),
    ];

    private static (string Command, string Shows)[] Events(string gateway, string admin) =>
    [
        ($"curl {gateway}/shop/orders --json '{{\"card\":\"good\"}}'", "202: the order is on disk, as an event. Billing has it a moment later."),
        ($"curl {gateway}/shop/orders --json '{{\"card\":\"bad\"}}'", "Billing refuses it, it comes again, and after three attempts it is dead."),
        ($"curl -s {admin}/v1/subscriptions/billing/dead", "Dead is not gone: the event, and why each attempt failed."),
        ($"curl -X POST {admin}/v1/subscriptions/billing/dead/redrive", "Brings it back. The card has been replaced meanwhile, and it is paid."),
    ];
}
