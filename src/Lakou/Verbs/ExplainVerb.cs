using System.CommandLine;
using Lakou.Control;
using Lakou.Core.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Verbs;

/// <summary><c>lakou explain FILE METHOD URL [-H 'Name: value']…</c></summary>
internal static class ExplainVerb
{
    public static Command Create()
    {
        var file = Inputs.File();
        var method = new Argument<string>("METHOD") { Description = "GET, POST, …" };
        var url = new Argument<string>("URL") { Description = "http://host:port/path?query, or only a path." };
        url.Validators.Add(result =>
        {
            var text = result.Tokens[0].Value;
            if (!text.StartsWith('/') && !text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && !text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            {
                result.AddError($"'{text}' is no address; use http://host:port/path, or a path such as /orders");
            }
        });
        var headers = new Option<string[]>("-H", "--header") { Description = "A header of the request; may be given more than once.", HelpName = "'Name: value'" };
        headers.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf(':', StringComparison.Ordinal) < 1))
            {
                result.AddError($"-H '{token.Value}': not a header; use 'Name: value'");
            }
        });
        var command = new Command(
            "explain",
            "Says which route a request would take and why, and what would become of it. Nothing is sent.")
        {
            file,
            method,
            url,
            headers,
        };
        command.SetAction(parsed =>
        {
            var loaded = ConfigurationLoader.LoadFile(parsed.GetRequiredValue(file), ReferenceSource.System);
            if (loaded.Plan is null)
            {
                Report.Problems(Console.Error, loaded.Problems);
                return ExitCode.Configuration;
            }

            var fields = new HeaderDictionary();
            foreach (var header in parsed.GetValue(headers) ?? [])
            {
                var colon = header.IndexOf(':', StringComparison.Ordinal);
                var name = header[..colon].Trim();
                fields[name] = StringValues.Concat(fields[name], header[(colon + 1)..].Trim());
            }

            var explanation = Explain.Request(
                loaded.Plan.Gateway, parsed.GetRequiredValue(method).ToUpperInvariant(), parsed.GetRequiredValue(url), fields);
            Console.Out.Write(explanation.ToString());
            return ExitCode.Fine;
        });
        return command;
    }
}
