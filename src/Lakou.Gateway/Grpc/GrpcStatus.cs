using System.Globalization;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Grpc;

/// <summary>Status codes of gRPC (statuscodes.md), those that a gateway has a use for.</summary>
internal enum GrpcStatus
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// <summary>A fault as the end of a gRPC call. The table is that of <c>docs/grpc.md</c>.</summary>
internal static class GrpcFault
{
    public const string StatusField = "grpc-status";

    public const string MessageField = "grpc-message";

    public static GrpcStatus StatusOf(FaultCode code)
        => code == UpstreamFaults.ConnectTimeout ? GrpcStatus.Unavailable // nothing was done, so it may be tried again
        : code.Status switch
        {
            401 => GrpcStatus.Unauthenticated,
            403 => GrpcStatus.PermissionDenied,
            404 or 405 or 501 => GrpcStatus.Unimplemented,
            408 or 504 => GrpcStatus.DeadlineExceeded,
            409 => GrpcStatus.Aborted,
            412 => GrpcStatus.FailedPrecondition,
            413 or 414 or 429 or 431 => GrpcStatus.ResourceExhausted,
            499 => GrpcStatus.Cancelled,
            502 or 503 => GrpcStatus.Unavailable,
            400 or 500 => GrpcStatus.Internal,
            _ => GrpcStatus.Unknown,
        };

    public static string TextOf(GrpcStatus status) => ((int)status).ToString(CultureInfo.InvariantCulture);

    /// <summary>The detail is told to whom it is for, as in a problem document.</summary>
    public static string MessageOf(Fault fault)
        => Encode($"{fault.Code.Name}: {fault.Code.Title}{(fault.Code.Party == FaultParty.Client ? $": {fault.Detail}" : "")}");

    /// <summary>Percent-encoding as gRPC has it: all but visible ASCII and the space, and the percent sign itself.</summary>
    private static string Encode(string text)
    {
        var encoded = new StringBuilder(text.Length);
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            _ = octet is >= 0x20 and <= 0x7e and not (byte)'%' ? encoded.Append((char)octet) : encoded.Append('%').Append(octet.ToString("X2", CultureInfo.InvariantCulture));
        }

        return encoded.ToString();
    }
}
