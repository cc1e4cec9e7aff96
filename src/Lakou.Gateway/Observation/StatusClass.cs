namespace Lakou.Gateway.Observation;

/// <summary>The status label: <c>1xx</c> … <c>5xx</c>, or <c>none</c> when no answer was sent.</summary>
internal static class StatusClass
{
    public static readonly string[] Labels = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// <summary>Index into <see cref="Labels"/>.</summary>
    public static int Of(int status) => status is >= 100 and < 600 ? status / 100 : 0;
}
