using Lakou.Core.Faults;

namespace Lakou.Control.Admin;

internal static class AdminFaults
{
    public static readonly FaultCode NotFound = new("admin/not-found", FaultParty.Client, 404, "The admin API has no such path");
    public static readonly FaultCode NoSuchUpstream = new("admin/no-such-upstream", FaultParty.Client, 404, "No upstream has this name");
    public static readonly FaultCode NoSuchEndpoint = new("admin/no-such-endpoint", FaultParty.Client, 404, "The upstream has no such endpoint");
    public static readonly FaultCode MethodNotAllowed = new("admin/method-not-allowed", FaultParty.Client, 405, "The path does not take this method");
    public static readonly FaultCode BadRequest = new("admin/bad-request", FaultParty.Client, 400, "The request cannot be understood");
    public static readonly FaultCode TooLarge = new("admin/too-large", FaultParty.Client, 413, "The body is larger than a configuration may be");
    public static readonly FaultCode ForeignHost = new("admin/foreign-host", FaultParty.Client, 403, "The Host header names another machine");
    public static readonly FaultCode ForeignSite = new("admin/foreign-site", FaultParty.Client, 403, "The admin API is not for pages of other sites");
    public static readonly FaultCode Unauthorised = new("admin/unauthorised", FaultParty.Client, 401, "The admin API needs a token");
    public static readonly FaultCode NotReady = new("admin/not-ready", FaultParty.Operator, 503, "No configuration serves yet", RetryAdvice.Later);
    public static readonly FaultCode NoBackbone = new("admin/no-backbone", FaultParty.Operator, 404, "The file has no topics and no store");
    public static readonly FaultCode Draining = new("admin/draining", FaultParty.Operator, 503, "Lakou is stopping", RetryAdvice.Never);
    public static readonly FaultCode BadConfiguration = new("config/invalid", FaultParty.Operator, 422, "The configuration has problems");
}
