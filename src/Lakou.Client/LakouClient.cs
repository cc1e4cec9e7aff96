using System.Diagnostics;
using System.Globalization;
using Lakou.Client.Http;

namespace Lakou.Client;

/// <summary>
/// Publishes events to Lakou and consumes them. One for a process is enough; all members may be used from any thread.
/// <para>
/// What is in the air when a connection breaks is sent again. Publishing twice is harmless while the topic has <c>dedup</c>, acknowledging twice always.
/// </para>
/// </summary>
public sealed partial class LakouClient : IDisposable
{
    /// <summary>Name of the <see cref="ActivitySource"/>.</summary>
    public const string ActivitySourceName = "Lakou.Client";

    internal static readonly ActivitySource Activities = new(ActivitySourceName);

    private readonly HttpClient? _owned;

    /// <summary>A client with connections of its own.</summary>
    /// <param name="options">Where Lakou is.</param>
    public LakouClient(LakouClientOptions options)
    {
        // Each call has its own time. A name that moves is followed within the lifetime of a connection.
        _owned = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan, BaseAddress = FolderOf(options.Address) };
        Api = new Api(_owned, options);
    }

    /// <summary>A client over connections that the caller cares for, such as those of <c>IHttpClientFactory</c>.</summary>
    /// <param name="http">Has the address, and a <see cref="HttpClient.Timeout"/> that is longer than receives wait. Not disposed here.</param>
    /// <param name="options">All but the address; null for the defaults.</param>
    public LakouClient(HttpClient http, LakouClientOptions? options = null)
    {
        if (http.BaseAddress is not { } address || FolderOf(address) != address)
        {
            throw new ArgumentException("BaseAddress has to be set, and to end with /", nameof(http));
        }

        Api = new Api(http, options ?? new LakouClientOptions());
    }

    internal Api Api { get; }

    /// <summary>Publishes one event; when this completes, it is on disk.</summary>
    /// <param name="topic">An existing one.</param>
    /// <param name="published">At most 1 MiB.</param>
    /// <param name="options">When it is to be seen; null for at once.</param>
    /// <param name="cancelled">Ends the wait; the event may be stored all the same.</param>
    /// <exception cref="LakouException">It was refused, or Lakou is away for longer than <see cref="LakouClientOptions.RetryFor"/>.</exception>
    public async Task<Receipt> PublishAsync(string topic, CloudEvent published, PublishOptions? options = null, CancellationToken cancelled = default)
    {
        using var activity = StartPublish(topic, 1);
        var body = CloudEventJson.Write(published, activity ?? Activity.Current);
        return Wire.Read<Receipt>(await PublishAsync(topic, body, CloudEventJson.OneType, options, activity, cancelled).ConfigureAwait(false));
    }

    /// <summary>Publishes some events, all or none; when this completes, they are on disk.</summary>
    /// <param name="topic">An existing one.</param>
    /// <param name="published">In this order; at most 1 MiB each, and 8 MiB together.</param>
    /// <param name="options">When they are to be seen; null for at once.</param>
    /// <param name="cancelled">Ends the wait; the events may be stored all the same.</param>
    /// <returns>One each, in the same order.</returns>
    /// <exception cref="LakouException">They were refused, or Lakou is away for longer than <see cref="LakouClientOptions.RetryFor"/>.</exception>
    public async Task<IReadOnlyList<Receipt>> PublishAsync(string topic, IReadOnlyCollection<CloudEvent> published, PublishOptions? options = null, CancellationToken cancelled = default)
    {
        using var activity = StartPublish(topic, published.Count);
        return await PublishAsync(topic, [.. published.Select(one => CloudEventJson.Write(one, activity ?? Activity.Current))], options, activity, cancelled).ConfigureAwait(false);
    }

    /// <summary>A publisher that gathers events into batches.</summary>
    /// <param name="topic">An existing one.</param>
    /// <param name="options">Null for the defaults.</param>
    public EventPublisher CreatePublisher(string topic, EventPublisherOptions? options = null) => new(this, topic, options ?? new EventPublisherOptions());

    /// <summary>Ends the connections, if they are its own.</summary>
    public void Dispose() => _owned?.Dispose();

    /// <param name="events">Each as JSON.</param>
    /// <param name="activity">Gets what goes wrong.</param>
    internal async Task<IReadOnlyList<Receipt>> PublishAsync(string topic, IReadOnlyList<byte[]> events, PublishOptions? options, Activity? activity, CancellationToken cancelled)
    {
        var body = new byte[events.Sum(one => one.Length + 1) + 2];
        var length = 0;
        body[length++] = (byte)'[';
        for (var i = 0; i < events.Count; i++)
        {
            if (i > 0)
            {
                body[length++] = (byte)',';
            }

            events[i].CopyTo(body.AsSpan(length));
            length += events[i].Length;
        }

        body[length++] = (byte)']';
        return Wire.Read<ReceiptsShape>(await PublishAsync(topic, body.AsMemory(0, length), CloudEventJson.BatchType, options, activity, cancelled).ConfigureAwait(false)).Events;
    }

    internal static Activity? StartPublish(string topic, int count)
    {
        // Names of OpenTelemetry's semantic conventions for messaging.
        var activity = Activities.StartActivity($"publish {topic}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "lakou").SetTag("messaging.operation.type", "send").SetTag("messaging.destination.name", topic).SetTag("messaging.batch.message_count", count);
        return activity;
    }

    private static Uri FolderOf(Uri address) => address.AbsolutePath.EndsWith('/') ? address : new Uri($"{address.GetLeftPart(UriPartial.Path)}/");

    private async Task<byte[]> PublishAsync(string topic, ReadOnlyMemory<byte> body, string contentType, PublishOptions? options, Activity? activity, CancellationToken cancelled)
    {
        try
        {
            return await Api.SendAsync(new Call(HttpMethod.Post, Call.Of("topics", topic, $"events{QueryOf(options)}")) { Body = body, ContentType = contentType }, cancelled).ConfigureAwait(false);
        }
        catch (LakouException e)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
    }

    private static string QueryOf(PublishOptions? options) => options switch
    {
        { In: not null, At: not null } => throw new ArgumentException("In and At say the same thing; set one of them", nameof(options)),
        { In: { } delay } => $"?in={Wire.Seconds(delay)?.ToString(CultureInfo.InvariantCulture)}",
        { At: { } time } => $"?at={Uri.EscapeDataString(time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture))}",
        _ => "",
    };
}
