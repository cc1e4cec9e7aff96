namespace Lakou.Gateway.Routing;

/// <summary>
/// What routes of one host share up to one segment.
/// <code>
///   /orders/{id}      /orders/new      /orders/**      ~/orders/[0-9]+/x
///
///   root ── "orders" ─┬─ "new"    Ends: /orders/new
///                     ├─ single   Ends: /orders/{id}
///                     ├─ Regexes: ~/orders/[0-9]+/x
///                     └─ Tails:   /orders/**
/// </code>
/// </summary>
internal sealed class RouteNode
{
    // Most nodes have one literal child: it stands here, and a cold table costs fewer cache lines.
    private string? onlyText;
    private RouteNode? onlyChild;
    private Dictionary<string, RouteNode>? literals;
    private Dictionary<string, RouteNode>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private int longestLiteral;
    private List<CompiledRoute>? pending;

    /// <summary>Routes whose path ends here, in the order in which they are tried; likewise the next two.</summary>
    public CompiledRoute[] Ends { get; private set; } = [];

    public CompiledRoute[] Regexes { get; private set; } = [];

    public CompiledRoute[] Tails { get; private set; } = [];

    public RouteNode? Single { get; private set; }

    /// <summary>How many nodes one request can visit from here, at worst: one way down per literal, and one per single segment.</summary>
    public int WorstVisits { get; private set; } = 1;

    public RouteNode? Literal(ReadOnlySpan<char> segment)
    {
        if (literals is null)
        {
            return onlyText is not null && segment.SequenceEqual(onlyText) ? onlyChild : null;
        }

        // A segment longer than every literal is not hashed: hostile paths are long.
        return segment.Length <= longestLiteral && lookup.TryGetValue(segment, out var child) ? child : null;
    }

    public void Add(CompiledRoute route)
    {
        var node = this;
        foreach (var segment in route.Pattern.Path.Segments.Where(segment => segment.Kind != SegmentKind.Tail))
        {
            node = segment.Kind == SegmentKind.Single ? node.Single ??= new RouteNode() : node.AddLiteral(segment.Text);
        }

        (node.pending ??= []).Add(route);
    }

    /// <summary>Once, after the last <see cref="Add"/>.</summary>
    public void Complete()
    {
        if (pending is not null)
        {
            pending.Sort(CompiledRoute.CompareAtNode);
            Regexes = [.. pending.Where(route => route.Pattern.Regex is not null)];
            Tails = [.. pending.Where(route => route.Pattern.Path.HasTail)];
            Ends = [.. pending.Where(route => route.Pattern.Regex is null && !route.Pattern.Path.HasTail)];
            pending = null;
        }

        Single?.Complete();
        var deepest = 0;
        foreach (var child in literals?.Values ?? (onlyChild is null ? [] : (IEnumerable<RouteNode>)[onlyChild]))
        {
            child.Complete();
            deepest = Math.Max(deepest, child.WorstVisits);
        }

        // Saturates: 64 segments could double it 64 times.
        WorstVisits = (int)Math.Min(int.MaxValue, 1L + deepest + (Single?.WorstVisits ?? 0));
    }

    private RouteNode AddLiteral(string text)
    {
        if (onlyChild is null)
        {
            (onlyText, onlyChild) = (text, new RouteNode());
            return onlyChild;
        }

        if (literals is null)
        {
            if (onlyText == text)
            {
                return onlyChild;
            }

            literals = new Dictionary<string, RouteNode>(StringComparer.Ordinal) { [onlyText!] = onlyChild };
            lookup = literals.GetAlternateLookup<ReadOnlySpan<char>>();
            longestLiteral = onlyText!.Length;
        }

        if (!literals.TryGetValue(text, out var child))
        {
            literals.Add(text, child = new RouteNode());
            longestLiteral = Math.Max(longestLiteral, text.Length);
        }

        return child;
    }
}
