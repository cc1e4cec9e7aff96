using System.Net;
using System.Security.Cryptography;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Gateway.Listeners;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Admin;

/// <summary>
/// Who may ask. A browser on this machine can be made to send requests here: by a page of another site (CSRF), or by a name that
/// suddenly means 127.0.0.1 (DNS rebinding). Both are told by what the browser itself says.
/// </summary>
internal sealed class AdminGuard(ListenerAddress address, Func<string?> token)
{
    /// <summary>Null when the request may go on.</summary>
    public Fault? Refuse(HttpRequest request)
        => CheckHost(request) ?? CheckSite(request) ?? CheckToken(request);

    private Fault? CheckHost(HttpRequest request)
    {
        // A name that an attacker owns can be pointed at 127.0.0.1; an address and localhost cannot.
        var host = request.Host.Host.Trim('[', ']');
        return IPAddress.TryParse(host, out _)
            || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (address.EndPoint is not IPEndPoint && host.Length == 0)
            || token() is not null // a page that knows the token needs no trick
            ? null
            : AdminFaults.ForeignHost.With("Host must be an IP address or localhost.");
    }

    private static Fault? CheckSite(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        var origin = request.Headers.Origin.ToString();
        var isForeign = site is "cross-site" or "same-site"
            || (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase)));
        return isForeign ? AdminFaults.ForeignSite.With("The request was made by a page of another site.") : null;
    }

    private Fault? CheckToken(HttpRequest request)
    {
        if (token() is not { Length: > 0 } expected || request.Path.Value is "/healthz" or "/readyz")
        {
            return null;
        }

        // Hashed, so that neither content nor length shows in the time it takes.
        const string Scheme = "Bearer ";
        var given = request.Headers.Authorization.ToString();
        var isRight = given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Hash(given[Scheme.Length..].Trim()), Hash(expected));
        return isRight ? null : AdminFaults.Unauthorised.With("Send Authorization: Bearer with the value of admin.token.");
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
