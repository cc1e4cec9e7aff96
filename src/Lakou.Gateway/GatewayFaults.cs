using Lakou.Core.Faults;

namespace Lakou.Gateway;

internal static class GatewayFaults
{
    public static readonly FaultCode Unsupported = new("http/unsupported-method", FaultParty.Client, 501, "The method is not served here");
    public static readonly FaultCode Bug = new("lakou/bug", FaultParty.Lakou, 500, "The gateway failed", RetryAdvice.IfIdempotent);
}
