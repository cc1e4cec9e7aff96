using System.CommandLine;
using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;

namespace Lakou.Verbs;

/// <summary>Arguments and options that several verbs take, each checked where it is read.</summary>
internal static class Inputs
{
    public static Argument<string> File() => new("FILE") { Description = "The configuration file, such as lakou.yaml." };

    /// <summary>Null: <c>LAKOU_ADMIN_TOKEN</c>, or none.</summary>
    public static Option<string?> Token() => new("--token")
    {
        Description = "The token of the admin listener, when it has one. Better kept in LAKOU_ADMIN_TOKEN: other users see command lines.",
        HelpName = "TOKEN",
    };

    public static Option<Uri> Admin() => new Option<Uri>("--admin")
    {
        Description = "The admin listener of the running Lakou.",
        HelpName = "URL",
        DefaultValueFactory = _ => new Uri("http://127.0.0.1:9900"),
    }.Parsed(ParseUrl);

    public static Option<Uri?> Against() => new Option<Uri?>("--against")
    {
        Description = "The admin listener of a running Lakou; prints what this file would change there.",
        HelpName = "ADMIN_URL",
    }.Parsed<Uri?>(ParseUrl);

    /// <summary><c>30s</c>, <c>1h30m</c></summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new Option<TimeSpan?>(name)
    {
        Description = description,
        HelpName = "DURATION",
    }.Parsed(text => Durations.TryParse(text, out var duration) && duration > TimeSpan.Zero
        ? ((TimeSpan?)duration, null)
        : (null, "not a duration; use 500ms, 30s or 5m"));

    public static Option<string> Listen(string name, string description) => new Option<string>(name)
    {
        Description = description,
        HelpName = "ADDRESS",
    }.Parsed(text => (text, ListenerAddress.TryParse(text, out var error) is null ? error : null));

    public static Option<string[]> Endpoints(string name, string description)
    {
        var option = new Option<string[]>(name) { Description = description, HelpName = "URL", Required = true };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (EndpointAddress.TryParse(token.Value, out var error) is null)
                {
                    result.AddError($"{name} {token.Value}: {error}");
                }
            }
        });
        return option;
    }

    /// <summary>An absolute URL with http or https.</summary>
    public static (Uri Value, string? Error) ParseUrl(string text)
        => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? (url, null)
            : (null!, "not an address; use http://127.0.0.1:9900");

    private static Option<T> Parsed<T>(this Option<T> option, Func<string, (T Value, string? Error)> parse)
    {
        option.CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            var (value, error) = parse(text);
            if (error is not null)
            {
                result.AddError($"{option.Name} {text}: {error}");
            }

            return value;
        };
        return option;
    }
}
