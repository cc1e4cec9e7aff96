namespace Lakou.Demo;

/// <summary>Weights of text on a terminal; plain where there is none, or where NO_COLOR asks for it (no-color.org).</summary>
internal sealed record Style(bool Terminal)
{
    public static Style For(TextWriter to)
        => new(ReferenceEquals(to, Console.Out) && !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));

    public string Strong(string text) => Wrap(text, "1");

    public string Command(string text) => Wrap(text, "36");

    public string Faint(string text) => Wrap(text, "2");

    // ECMA-48 §8.3.117, select graphic rendition.
    private string Wrap(string text, string rendition) => Terminal ? $"\e[{rendition}m{text}\e[0m" : text;
}
