using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Text;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Http2;

namespace Lakou.Gateway.Grpc;

/// <summary>
/// The health protocol of gRPC (grpc.health.v1): one message each way, too small to need a library.
/// <code>
/// frame      compressed u8 = 0 │ length u32, big endian │ message
/// request    0A length service                             field 1, a string; empty asks for the server
/// response   08 status                                     field 1, an enumeration; absent is 0
/// </code>
/// </summary>
internal static class GrpcHealth
{
    private const int FrameHead = 5;

    // An answer has seven bytes; fields that a later version may add have room.
    private const int MostBytes = 1024;

    private const ulong Serving = 1;

    private static readonly string[] Statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

    public static Http2Request Ask(EndpointAddress address, string service)
    {
        var name = Encoding.UTF8.GetBytes(service);
        byte[] message = name.Length switch
        {
            0 => [],
            < 128 => [0x0a, (byte)name.Length, .. name],
            _ => [0x0a, (byte)(name.Length | 0x80), (byte)(name.Length >> 7), .. name],
        };
        var frame = new byte[FrameHead + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame.AsSpan(FrameHead));
        var request = new Http2Request("POST", address, "/grpc.health.v1.Health/Check") { Content = new ByteArrayContent(frame) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return request;
    }

    public static async Task<ProbeResult> ReadAsync(HttpResponseMessage answer, CancellationToken end)
    {
        if (answer.StatusCode != System.Net.HttpStatusCode.OK)
        {
            return new("status", $"status {(int)answer.StatusCode}, and no answer of gRPC");
        }

        await using var body = await answer.Content.ReadAsStreamAsync(end);
        var frame = new byte[MostBytes];
        var count = await body.ReadAtLeastAsync(frame, frame.Length, throwOnEndOfStream: false, end);
        var status = StatusOf(answer.TrailingHeaders) ?? StatusOf(answer.Headers);
        return status switch
        {
            "0" => ResultOf(frame.AsSpan(0, count)),
            "5" => new("status", "grpc-status 5: the server does not know the service"),
            "12" => new("status", "grpc-status 12: the server does not serve grpc.health.v1.Health"),
            { } other => new("status", int.TryParse(other, out var code) ? $"grpc-status {code}" : "a grpc-status that is no number"),
            null => new("answer", "an answer without grpc-status"),
        };
    }

    private static string? StatusOf(HttpResponseHeaders fields) => fields.NonValidated.TryGetValues(GrpcFault.StatusField, out var values) ? values.ToString() : null;

    private static ProbeResult ResultOf(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < FrameHead || frame[0] != 0 || BinaryPrimitives.ReadUInt32BigEndian(frame[1..]) != frame.Length - FrameHead || !TryReadStatus(frame[FrameHead..], out var status))
        {
            return new("answer", "no message of grpc.health.v1");
        }

        return status == Serving ? ProbeResult.Pass : new("status", status < (ulong)Statuses.Length ? Statuses[status] : $"status {status}, which grpc.health.v1 does not have");
    }

    /// <summary>The last field 1 counts; others are skipped (protobuf encoding).</summary>
    private static bool TryReadStatus(ReadOnlySpan<byte> message, out ulong status)
    {
        status = 0;
        while (!message.IsEmpty)
        {
            if (!TryReadNumber(ref message, out var tag) || !TryReadNumber(ref message, out var value))
            {
                return false;
            }

            switch (tag & 7)
            {
                case 0:
                    status = tag >> 3 == 1 ? value : status;
                    break;
                case 2 when value <= (ulong)message.Length:
                    message = message[(int)value..];
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static bool TryReadNumber(ref ReadOnlySpan<byte> from, out ulong number)
    {
        number = 0;
        for (var shift = 0; shift < 64 && !from.IsEmpty; shift += 7)
        {
            var octet = from[0];
            from = from[1..];
            number |= (ulong)(octet & 0x7f) << shift;
            if (octet < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
