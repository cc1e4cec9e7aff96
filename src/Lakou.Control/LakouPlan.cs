using Lakou.Core.Configuration;
using Lakou.Gateway;
using Lakou.Gateway.Listeners;
using Lakou.Messaging;

namespace Lakou.Control;

/// <summary>The whole configuration, checked and immutable.</summary>
/// <param name="Gateway">Listeners, upstreams, routes.</param>
/// <param name="Backbone">Store, topics, subscriptions.</param>
/// <param name="Admin">Where operators connect.</param>
/// <param name="Options">As written.</param>
/// <param name="Document">The file, with places for problems found later.</param>
internal sealed record LakouPlan(GatewayPlan Gateway, BackbonePlan Backbone, ListenerAddress Admin, LakouOptions Options, ConfigDocument Document);

/// <summary>What became of a file.</summary>
/// <param name="Plan">Null when there are problems.</param>
/// <param name="Problems">Ordered by line.</param>
/// <param name="Document">What was read.</param>
/// <param name="Fingerprint">Equal for contents that mean the same; covers what references and certificate files hold.</param>
/// <param name="Files">Absolute paths of every file that had a say: the configuration, certificates, <c>${file:…}</c>.</param>
internal sealed record LoadResult(
    LakouPlan? Plan, IReadOnlyList<Problem> Problems, ConfigDocument Document, string Fingerprint, IReadOnlyList<string> Files);

/// <summary>The configuration cannot be used.</summary>
internal sealed class ConfigurationException(IReadOnlyList<Problem> problems) : Exception(string.Join('\n', problems))
{
    public IReadOnlyList<Problem> Problems { get; } = problems;
}
