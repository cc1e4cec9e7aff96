using System.Globalization;
using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Grpc;

/// <summary>The deadline of a gRPC call, as its client says it: at most eight digits and a unit (gRPC over HTTP/2, Timeout).</summary>
internal static class GrpcTimeout
{
    public const string FieldName = "grpc-timeout";

    private const int MostDigits = 8;

    // More is none.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    /// <summary>Null for what is no timeout.</summary>
    public static TimeSpan? Parse(ReadOnlySpan<char> text)
    {
        if (text.Length is < 2 or > MostDigits + 1 || !int.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return null;
        }

        return text[^1] switch
        {
            'H' => TimeSpan.FromHours(count),
            'M' => TimeSpan.FromMinutes(count),
            'S' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMilliseconds(count),
            'u' => TimeSpan.FromMicroseconds(count),
            'n' => TimeSpan.FromTicks(count / TimeSpan.NanosecondsPerTick),
            _ => null,
        };
    }

    /// <summary>The client's deadline bounds the exchange.</summary>
    public static void Apply(Exchange exchange)
    {
        if (GrpcRequest.Is(exchange) && Parse(exchange.Features.Request.Headers[FieldName].ToString()) is { } timeout && timeout < Longest)
        {
            exchange.LimitTotalTimeout(timeout);
        }
    }

    /// <summary>What an endpoint of a gRPC call is told: what is left of the client's time, or of the route's. Null when neither is bounded.</summary>
    public static string? ToSend(Exchange exchange)
    {
        if (exchange.TotalDeadline == long.MaxValue || !GrpcRequest.Is(exchange))
        {
            return null;
        }

        var left = exchange.Time.GetElapsedTime(exchange.Timestamp(), exchange.TotalDeadline);
        var milliseconds = Math.Max(1, (long)left.TotalMilliseconds);
        return milliseconds < 100_000_000
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds}m")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(99_999_999, milliseconds / 1000)}S");
    }
}
