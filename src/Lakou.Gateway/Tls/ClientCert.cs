using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Tls;

/// <summary>The field by which endpoints learn the certificate of a client (RFC 9440 §2). It is worth what its writer is: a client's own is removed.</summary>
internal static class ClientCert
{
    private const string Leaf = "Client-Cert";
    private const string Chain = "Client-Cert-Chain";

    // A connection asks with the same certificate for each of its requests.
    private static readonly ConditionalWeakTable<X509Certificate2, string> s_written = [];

    /// <summary>Whether a name is that of the field, or of the one for the rest of the chain.</summary>
    public static bool IsIts(ReadOnlySpan<byte> name) => name.Length is 11 or 17 && (Ascii.EqualsIgnoreCase(name, Leaf) || Ascii.EqualsIgnoreCase(name, Chain));

    /// <summary>As for bytes.</summary>
    public static bool IsIts(string name) => name.Equals(Leaf, StringComparison.OrdinalIgnoreCase) || name.Equals(Chain, StringComparison.OrdinalIgnoreCase);

    /// <summary>Replaces whatever stands there, also when the client has shown none.</summary>
    public static void Write(HttpContext context)
    {
        var certificate = context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        context.Request.Headers[Leaf] = certificate is null ? StringValues.Empty : s_written.GetValue(certificate, static one => $":{Convert.ToBase64String(one.RawData)}:");
        context.Request.Headers[Chain] = StringValues.Empty;
    }
}
