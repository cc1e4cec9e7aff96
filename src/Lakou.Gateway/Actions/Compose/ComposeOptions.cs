using Lakou.Core.Configuration;
using Lakou.Gateway.Filters.Headers;
using Lakou.Http;

namespace Lakou.Gateway.Actions.Compose;

internal sealed record PartOptions
{
    public string To { get; init; } = "";

    public string Path { get; init; } = "";

    public bool Optional { get; init; }

    public TimeSpan? Timeout { get; init; }

    public long? Size { get; init; }

    public string? At { get; init; }

    public IReadOnlyList<string>? Headers { get; init; }

    // What RFC 3986 allows in a path and a query, and braces.
    private static readonly Shape<string> PathShape = Shapes.Text(1, 2048, "^/[A-Za-z0-9._~!$&'()*+,;=:@%/?{}-]*$", "a path such as /orders/{id} or /reviews?order={id}; escape what no address may hold");

    private static readonly Shape<string> AtShape = Shapes.Text(1, 512, @"^[A-Za-z0-9_$-]{1,63}(\.[A-Za-z0-9_$-]{1,63}){0,7}$", "names of members, up to eight with dots between, such as details.reviews");

    public static Shape<PartOptions> Shape { get; } = Shapes.Object("compose-part", "One request to an upstream, and where its answer goes.", () => new PartOptions())
        .Required("to", Shapes.Text(1, 63), o => o.To, (o, v) => o with { To = v }, "The upstream that is asked.")
        .Required("path", PathShape, o => o.Path, (o, v) => o with { Path = v }, "What it is asked for, with GET. `{name}` stands for a capture of the route's path, encoded for the place where it stands; `{query}` for the client's query.")
        .Field("optional", Shapes.Flag(), o => o.Optional, (o, v) => o with { Optional = v }, "When it fails its member is `null`, and the answer goes out without it.")
        .Field("timeout", ComposeOptions.TimeoutShape, o => o.Timeout, (o, v) => o with { Timeout = v }, "From the start to the end of its answer; without it, the time of the whole.")
        .Field("size", ComposeOptions.SizeShape, o => o.Size, (o, v) => o with { Size = v }, "Most bytes of its answer; without it, the size of the whole.")
        .Field("at", AtShape, o => o.At, (o, v) => o with { At = v }, "The member of the answer, with dots for members of members; without it, the part's name.")
        .Field("headers", ComposeOptions.HeadersShape, o => o.Headers, (o, v) => o with { Headers = v }, "In place of those of the whole.");
}

internal sealed record ComposeOptions
{
    private const int MostParts = 32; // one request makes so many; KrakenD's largest examples have ten

    public static readonly IReadOnlyDictionary<string, PartOptions> NoParts = new Dictionary<string, PartOptions>();

    // Of the request, or of what the gateway itself asks for: another word would change what a part answers, or break it.
    private static readonly KnownField[] Ours =
    [
        KnownField.Accept, KnownField.AcceptEncoding, KnownField.Range, KnownField.IfRange, KnownField.IfMatch, KnownField.IfNoneMatch,
        KnownField.IfModifiedSince, KnownField.IfUnmodifiedSince, KnownField.ContentType, KnownField.ContentEncoding, KnownField.ContentRange,
    ];

    public static Shape<TimeSpan> TimeoutShape { get; } = Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5));

    public static Shape<long> SizeShape { get; } = Shapes.Size(1, 64 << 20); // all of it is held in memory

    public static Shape<IReadOnlyList<string>> HeadersShape { get; } = Shapes.List(
        HeaderNames.RequestShape.Where(name => !Ours.Contains(KnownFields.Of(name)) && !KnownFields.IsHopByHop(KnownFields.Of(name)), "parts are asked for whole, plain JSON; this field has no place there"), max: 32);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    public long Size { get; init; } = 4 << 20;

    public IReadOnlyList<string> Headers { get; init; } = ["Accept-Language", "Authorization", "User-Agent", "X-Request-Id"];

    public IReadOnlyDictionary<string, PartOptions> Parts { get; init; } = NoParts;

    public static Shape<ComposeOptions> Shape { get; } = Shapes.Object("compose", "Several upstreams asked side by side, and their answers in one JSON object.", () => new ComposeOptions())
        .Field("timeout", TimeoutShape, o => o.Timeout, (o, v) => o with { Timeout = v }, "How long all parts may take. Optional parts that are late are left out; a required one is 504 `compose/part-timeout`.")
        .Field("size", SizeShape, o => o.Size, (o, v) => o with { Size = v }, "Most bytes of all parts together, which are held until the last is here.")
        .Field("headers", HeadersShape, o => o.Headers, (o, v) => o with { Headers = v }, "Fields of the client's request that parts get, as far as it has them.")
        .Required("parts", Shapes.Named(PartOptions.Shape), o => o.Parts, (o, v) => o with { Parts = v }, "By name, 1 to 32.")
        .Check(static (o, node, problems) =>
        {
            if (o.Parts.Count is 0 or > MostParts)
            {
                problems.Add(node, o.Parts.Count == 0 ? "an answer is composed of one part or more; name them in 'parts'" : $"{o.Parts.Count} parts; at most {MostParts}");
            }

            foreach (var (name, part) in o.Parts)
            {
                if (part.Timeout > o.Timeout)
                {
                    problems.Add($"{node.Path}.parts.{name}.timeout", $"all parts have {Durations.Format(o.Timeout)} together; lower this or raise the timeout of 'compose'");
                }

                if (part.Size > o.Size)
                {
                    problems.Add($"{node.Path}.parts.{name}.size", $"all parts have {Sizes.Format(o.Size)} together; lower this or raise the size of 'compose'");
                }
            }
        });
}
