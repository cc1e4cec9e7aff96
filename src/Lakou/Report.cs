using System.Net;
using Lakou.Control;
using Lakou.Core.Configuration;

namespace Lakou;

/// <summary>What verbs say to people.</summary>
internal static class Report
{
    /// <summary>One a line, and their number.</summary>
    public static void Problems(TextWriter to, IReadOnlyList<Problem> problems)
    {
        foreach (var problem in problems)
        {
            to.WriteLine(problem.ToString());
        }
    }

    /// <summary><c>3 listeners, 1 route, 2 upstreams</c>, and <c>2 topics, 3 subscriptions</c> where there are any.</summary>
    public static string Contents(LakouPlan plan)
        => $"{Count(plan.Gateway.Listeners.Count, "listener")}, {Count(plan.Gateway.Routes.Count, "route")}, {Count(plan.Gateway.Upstreams.Count, "upstream")}"
            + (plan.Backbone.Topics.Count > 0 ? $", {Count(plan.Backbone.Topics.Count, "topic")}" : "")
            + (plan.Backbone.Subscriptions.Count > 0 ? $", {Count(plan.Backbone.Subscriptions.Count, "subscription")}" : "");

    /// <summary>What is served, and a line for every listener with the address it has.</summary>
    public static void Started(TextWriter to, LakouHost host, LakouPlan plan, string what)
    {
        to.WriteLine($"lakou {Build.Version} serves {what}: {Contents(plan)}");
        var width = plan.Gateway.Listeners.Keys.Append("admin").Max(name => name.Length);
        foreach (var listener in plan.Gateway.Listeners.Values)
        {
            to.WriteLine($"  {listener.Name.PadRight(width)}  {Address(listener.Scheme, host.EndPointOf(listener.Name))}");
        }

        to.WriteLine($"  {"admin".PadRight(width)}  {Address("http", host.AdminEndPoint)}");
    }

    /// <summary>An address that can be clicked; <c>http://localhost:8080 (every address)</c> when it is bound to all.</summary>
    public static string Address(string scheme, EndPoint bound) => bound switch
    {
        IPEndPoint ip when ip.Address.Equals(IPAddress.IPv6Any) || ip.Address.Equals(IPAddress.Any) => $"{scheme}://localhost:{ip.Port} (every address)",
        IPEndPoint ip => $"{scheme}://{ip}",
        _ => $"unix:{bound}",
    };

    private static string Count(int count, string word) => $"{count} {word}{(count == 1 ? "" : "s")}";
}
