using System.Security.Cryptography;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Gateway;
using Lakou.Gateway.Listeners;
using Lakou.Messaging;

namespace Lakou.Control;

/// <summary>From a file to a plan, or to everything that is wrong with it. Opens nothing but files.</summary>
internal static class ConfigurationLoader
{
    public static LoadResult LoadFile(string path, ReferenceSource references)
    {
        var problems = new Problems();
        var document = ConfigDocument.Load(path, references, problems);
        var full = Path.GetFullPath(path);
        return Load(document, Path.GetDirectoryName(full) ?? "/", [full], problems);
    }

    /// <param name="name">Shown in problems.</param>
    /// <param name="text">YAML.</param>
    /// <param name="directory">What relative files are relative to.</param>
    /// <param name="references">For <c>${…}</c>.</param>
    public static LoadResult LoadText(string name, string text, string directory, ReferenceSource references)
    {
        var problems = new Problems();
        return Load(ConfigDocument.Parse(name, text, references, problems, directory), directory, [], problems);
    }

    private static LoadResult Load(ConfigDocument document, string directory, List<string> files, Problems problems)
    {
        // 1. Every problem of the text and of each value.
        LakouPlan? plan = null;
        var options = new LakouOptions();
        if (document.Root is { } root && LakouOptions.Shape.ReadUsable(root, problems, out var read))
        {
            // 2. What the values mean together. Done even when some are wrong, so that one mistake does not hide others.
            options = read;
            var gateway = GatewayPlan.Build(options.Gateway, document, directory, problems);
            var backbone = BackbonePlan.Build(options.Backbone, document, directory, problems);
            var admin = CheckAdmin(options.Admin, gateway, problems);
            if (options.Gateway.Listeners.Count == 0 && backbone.Store is null && !problems.Any)
            {
                problems.Add("", "there is nothing to serve; add a listener, such as listeners: { web: { address: \":8080\" } }, or topics");
            }

            plan = problems.Any || admin is null ? null : new(gateway, backbone, admin, options, document);
        }

        // 3. What a change of would matter.
        files.AddRange(document.Files);
        files.AddRange(options.Gateway.TlsFiles.Select(file => Path.GetFullPath(file, directory)));
        if (plan is null)
        {
            // Else their upstreams watch them: a change of endpoints is no change of the configuration.
            files.AddRange(options.Gateway.EndpointFiles.Select(file => Path.GetFullPath(file, directory)));
        }

        return new(plan, problems.All, document, Fingerprint(document, plan, problems), [.. files.Distinct(StringComparer.Ordinal)]);
    }

    private static ListenerAddress? CheckAdmin(AdminOptions options, GatewayPlan gateway, Problems problems)
    {
        var address = ListenerAddress.TryParse(options.Address, out var error);
        if (address is null)
        {
            problems.Add("admin.address", error);
            return null;
        }

        if (gateway.Listeners.Values.FirstOrDefault(listener => listener.Options.Udp is null && listener.Address.Overlaps(address)) is { } taken)
        {
            problems.Add("admin.address", $"listener '{taken.Name}' has this address already ({taken.Address.Text}); give each its own");
        }

        if (!address.IsLoopback && string.IsNullOrEmpty(options.Token))
        {
            problems.Add("admin.address", $"{options.Address} can be reached from other machines; set admin.token, or use 127.0.0.1");
        }

        return address;
    }

    private static string Fingerprint(ConfigDocument document, LakouPlan? plan, Problems problems)
    {
        var parts = new StringBuilder(document.Root?.Fingerprint());
        foreach (var listener in plan?.Gateway.Listeners.Values ?? [])
        {
            parts.Append('\n').Append(listener.Tls?.Fingerprint);
        }

        foreach (var upstream in plan?.Gateway.Upstreams.Values ?? [])
        {
            parts.Append('\n').Append(upstream.Scheme).Append(upstream.Tls?.Fingerprint); // the scheme of a file of endpoints stands in that file
        }

        foreach (var problem in problems.All)
        {
            parts.Append('\n').Append(problem);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(parts.ToString())));
    }
}
