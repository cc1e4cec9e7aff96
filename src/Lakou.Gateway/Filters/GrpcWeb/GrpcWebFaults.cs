using Lakou.Core.Faults;

namespace Lakou.Gateway.Filters.GrpcWeb;

internal static class GrpcWebFaults
{
    public static readonly FaultCode BadBody = new("grpc-web/bad-body", FaultParty.Client, 400, "The body is not of gRPC-Web");
}
