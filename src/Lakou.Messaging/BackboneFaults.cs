using Lakou.Core.Faults;

namespace Lakou.Messaging;

internal static class BackboneFaults
{
    public static readonly FaultCode NoSuchTopic = new("topic/unknown", FaultParty.Client, 404, "There is no topic of this name");

    public static readonly FaultCode NoSuchSubscription = new("subscription/unknown", FaultParty.Client, 404, "There is no subscription of this name");

    public static readonly FaultCode WrongMode = new("subscription/wrong-mode", FaultParty.Client, 409, "The subscription is of the other mode");

    public static readonly FaultCode Paused = new("subscription/paused", FaultParty.Operator, 409, "The subscription is paused", RetryAdvice.Later);

    public static readonly FaultCode BadOffset = new("topic/no-such-offset", FaultParty.Client, 410, "The offset is not kept any more, or cannot be read");

    public static readonly FaultCode BadRequest = new("backbone/bad-request", FaultParty.Client, 400, "The request to the backbone is malformed");

    public static readonly FaultCode NoSuchPath = new("backbone/no-such-path", FaultParty.Client, 404, "The backbone has nothing at this path");

    public static readonly FaultCode NoSuchMethod = new("backbone/no-such-method", FaultParty.Client, 405, "The backbone does not do this at this path");

    public static readonly FaultCode Exists = new("backbone/exists", FaultParty.Client, 409, "There is one of this name already");

    public static readonly FaultCode InUse = new("backbone/in-use", FaultParty.Client, 409, "It is still needed");
}
