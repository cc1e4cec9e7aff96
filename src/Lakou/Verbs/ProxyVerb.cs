using System.CommandLine;
using System.Text.Json;
using Lakou.Control;
using Lakou.Core.Configuration;

namespace Lakou.Verbs;

/// <summary><c>lakou proxy --from :8080 --to URL</c></summary>
internal static class ProxyVerb
{
    public static Command Create()
    {
        var from = Inputs.Listen("--from", "Where to listen: `:8080` on every address, `127.0.0.1:8080`, `unix:/path`. Port 0 takes a free one.");
        from.Required = true;
        var to = Inputs.Endpoints("--to", "Where the service is: `http://127.0.0.1:9000` or `unix:/path`. Given more than once, requests are spread over all.");
        var admin = Inputs.Listen("--admin", "Where operators connect: metrics, health, routes.");
        admin.DefaultValueFactory = _ => "127.0.0.1:0";
        var access = new Option<string>("--access") { Description = "The access log on standard output.", HelpName = "text|json|off", DefaultValueFactory = _ => "text" };
        access.AcceptOnlyFromAmong("text", "json", "off");
        var command = new Command("proxy", "Puts a gateway in front of a service, with no file.") { from, to, access, admin };
        command.SetAction(async (parsed, _) =>
        {
            var endpoints = parsed.GetRequiredValue(to);
            var text = Configuration(parsed.GetRequiredValue(from), endpoints, parsed.GetRequiredValue(access), parsed.GetRequiredValue(admin));
            var loaded = ConfigurationLoader.LoadText("proxy", text, Environment.CurrentDirectory, ReferenceSource.None);
            await using var output = Console.OpenStandardOutput();
            return await Serving.RunAsync(
                loaded,
                new HostSettings { AccessOutput = output },
                host => Report.Started(Console.Error, host, loaded.Plan!, string.Join(", ", endpoints)));
        });
        return command;
    }

    // Texts in JSON's quotes are texts in YAML.
    private static string Configuration(string from, string[] to, string access, string admin) => $$"""
        listeners: { web: { address: {{Quote(from)}} } }
        upstreams: { service: { endpoints: [ {{string.Join(", ", to.Select(Quote))}} ] } }
        filters: { request-id: {} }
        routes: { all: { to: service } }
        admin: { address: {{Quote(admin)}} }
        log: { access: {{Quote(access)}}, level: warning }
        """;

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
