using System.Net.Http.Headers;

namespace Lakou.Gateway.Upstreams.Discovery.Kubernetes;

/// <summary>How the API is reached: as written, or as a pod finds it. A pod's token goes to its own cluster and nowhere else.</summary>
internal sealed record ApiAccess(Uri Api, string? TokenFile, string? CaFile, string Namespace)
{
    /// <summary>Where pods find their credentials.</summary>
    public const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <exception cref="DiscoveryException">This is no pod.</exception>
    public static ApiAccess Of(KubernetesOptions options, Func<string, string?> environment, string account)
    {
        if (options.Api is not null)
        {
            return new(new Uri(options.Api), options.TokenFile, options.Ca, options.Namespace ?? "default");
        }

        if (environment("KUBERNETES_SERVICE_HOST") is not { Length: > 0 } host || !int.TryParse(environment("KUBERNETES_SERVICE_PORT"), out var port))
        {
            throw new DiscoveryException(DiscoveryFailure.NotFound, "this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set); set 'api', 'token-file' and 'ca'");
        }

        return new(
            new UriBuilder("https", host, port).Uri,
            options.TokenFile ?? Path.Combine(account, "token"),
            options.Ca ?? Path.Combine(account, "ca.crt"),
            options.Namespace ?? Read(Path.Combine(account, "namespace")));
    }

    /// <summary>Tokens are renewed under their name: each request reads it.</summary>
    public void Identify(HttpRequestHeaders headers)
    {
        if (TokenFile is not null)
        {
            try
            {
                headers.Authorization = new("Bearer", Read(TokenFile));
            }
            catch (FormatException)
            {
                throw new DiscoveryException(DiscoveryFailure.Denied, $"{TokenFile} holds no token");
            }
        }
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DiscoveryException(DiscoveryFailure.Denied, $"{file} cannot be read; mount the service account, or name the file");
        }
    }
}
