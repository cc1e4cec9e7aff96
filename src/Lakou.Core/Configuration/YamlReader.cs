using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lakou.Core.Configuration;

/// <summary>
/// Turns YAML events into nodes. Deliberately less than YAML: one document, no tags, no merge keys, keys are plain texts.
/// Every bound below holds after aliases are expanded.
/// </summary>
internal sealed class YamlReader(string file, string text, ReferenceExpander references, Problems problems)
{
    private const int Deepest = 64;          // the deepest real configuration has 9 levels; recursion stays far from the stack's end
    private const int MostNodes = 500_000;   // 10,000 routes of fifty values; nine tenfold aliases are a "billion laughs"
    private const int LongestKey = 256;      // header names and file names fit

    private readonly Parser parser = new(new Scanner(new StringReader(text)));
    private readonly Dictionary<string, ConfigNode> anchors = new(StringComparer.Ordinal);
    private readonly Stack<Mark> openFlows = new();
    private int nodes;

    private ParsingEvent Current => parser.Current!;

    /// <summary>The root; null when the file ends the reading, which is then a problem.</summary>
    public ConfigNode? Read()
    {
        try
        {
            return ReadDocument();
        }
        catch (ReadingEnded end)
        {
            problems.Add(new Problem(file, end.Line, end.Column, "", end.Message));
        }
        catch (YamlException e)
        {
            problems.Add(YamlSentences.Problem(file, text, e));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The parser leaves its grammar with all sorts of exceptions, an unclosed '[' among them; none may reach the operator.
            var mark = openFlows.TryPeek(out var open) ? open : parser.Current?.End ?? Mark.Empty;
            problems.Add(new Problem(file, (int)mark.Line, (int)mark.Column, "", openFlows.Count > 0 ? "not valid YAML: the bracket opened here is not closed" : "not valid YAML after this place"));
        }

        return null;
    }

    private ConfigNode ReadDocument()
    {
        // The parser takes NUL for the end of the file and would silently ignore what follows.
        if (text.IndexOf('\0', StringComparison.Ordinal) is var nul and >= 0)
        {
            throw new ReadingEnded(1 + text.AsSpan(0, nul).Count('\n'), nul - text.LastIndexOf('\n', nul), "a NUL character; is this a text file?");
        }

        var empty = new ConfigMap(new Place(file, 1, 1));
        parser.MoveNext(); // to the start of the stream
        parser.MoveNext();
        if (Current is StreamEnd)
        {
            return empty;
        }

        parser.MoveNext(); // past the start of the document
        var start = Current.Start;
        var root = ReadNode(new Place(file, (int)start.Line, (int)start.Column));
        parser.MoveNext(); // past the end of the document
        if (Current is DocumentStart second)
        {
            throw new ReadingEnded(second.Start, "a second document; one file holds one configuration");
        }

        return root is ConfigScalar { IsNull: true } ? empty : root;
    }

    /// <summary>Reads the node that the parser is at, and moves past it.</summary>
    private ConfigNode ReadNode(Place place)
    {
        if (Current is AnchorAlias alias)
        {
            var expanded = Expand(alias, place);
            parser.MoveNext();
            return expanded;
        }

        Count(place);

        var start = (NodeEvent)Current;
        var anchor = start.Anchor.IsEmpty ? null : start.Anchor.Value;
        if (anchor is not null)
        {
            anchors.Remove(anchor); // an alias inside its own anchor must not find an older one
        }

        ConfigNode node = start switch
        {
            MappingStart map => ReadMap(map, place),
            SequenceStart list => ReadList(list, place),
            _ => ReadScalar((Scalar)start, place),
        };
        if (!start.Tag.IsEmpty)
        {
            problems.Add(node, "tags are not supported; quote a value that must stay text");
        }

        if (anchor is not null)
        {
            anchors[anchor] = node;
        }

        return node;
    }

    private ConfigScalar ReadScalar(Scalar scalar, Place place)
    {
        parser.MoveNext();
        var (expanded, hasReference, broken) = references.Expand(scalar.Value);
        broken ??= expanded.Contains('\0', StringComparison.Ordinal) ? "holds a NUL character"
            : HoldsLoneSurrogate(expanded) ? "holds half of a surrogate pair" : null;
        var node = new ConfigScalar(place, scalar.Value, expanded, scalar.Style != ScalarStyle.Plain, hasReference, broken);
        if (broken is not null)
        {
            problems.Add(node, broken);
        }

        return node;
    }

    private static bool HoldsLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                return true;
            }
        }

        return false;
    }

    private ConfigList ReadList(SequenceStart start, Place place)
    {
        var list = new ConfigList(place);
        Open(start.Style == SequenceStyle.Flow, start.Start);
        parser.MoveNext();
        while (Current is not SequenceEnd)
        {
            // The parser gives the one-pair map in `[a: b]` no place.
            var at = Current.Start.Index < start.Start.Index ? start.Start : Current.Start;
            list.Add(ReadNode(new Place(file, (int)at.Line, (int)at.Column, list, Index: list.Items.Count)));
        }

        Close(start.Style == SequenceStyle.Flow);
        return list;
    }

    private ConfigMap ReadMap(MappingStart start, Place place)
    {
        var map = new ConfigMap(place);
        Open(start.Style == MappingStyle.Flow, start.Start);
        parser.MoveNext();
        while (Current is not MappingEnd)
        {
            ReadEntry(map);
        }

        Close(start.Style == MappingStyle.Flow);
        return map;
    }

    private void ReadEntry(ConfigMap map)
    {
        if (Current is not Scalar key)
        {
            throw new ReadingEnded(Current.Start, "a key must be a text");
        }

        parser.MoveNext();
        var keyPlace = new Place(file, (int)key.Start.Line, (int)key.Start.Column, map, key.Value);
        var keyNode = new ConfigScalar(keyPlace, key.Value, key.Value, isQuoted: true, hasReference: false, broken: null);
        // What is missing has no place of its own; the parser names the line after it.
        var start = Current is Scalar { Value: "", Style: ScalarStyle.Plain } ? key.Start : Current.Start;
        var value = ReadNode(keyPlace with { Line = (int)start.Line, Column = (int)start.Column });

        if (WrongKey(key) is { } wrong)
        {
            problems.Add(keyNode, wrong);
        }
        else if (map.TryGetEntry(key.Value, out var first))
        {
            problems.Add(keyNode, $"duplicate key {Quoting.Quote(key.Value)}; first on line {first.Key.Line}");
        }
        else
        {
            map.Add(new ConfigEntry(keyNode, value));
        }
    }

    private static string? WrongKey(Scalar key) => key switch
    {
        { Value: "" } => "a key must not be empty",
        { Value: "<<", Style: ScalarStyle.Plain } => "merge keys ('<<') are not supported; an alias may stand for a whole value",
        { Value.Length: > LongestKey } => $"a key must not be longer than {LongestKey} characters",
        { Tag.IsEmpty: false } => "tags are not supported; quote a value that must stay text",
        _ => null,
    };

    private ConfigNode Expand(AnchorAlias alias, Place place)
    {
        if (anchors.TryGetValue(alias.Value.Value, out var named))
        {
            return named.CopyTo(place with { Line = named.Line, Column = named.Column }, Count);
        }

        var why = $"no anchor '&{alias.Value.Value}' before this alias";
        var node = new ConfigScalar(place, $"*{alias.Value.Value}", "", isQuoted: true, hasReference: false, why);
        problems.Add(node, why);
        return node;
    }

    private void Count(Place place)
    {
        if (++nodes > MostNodes)
        {
            throw new ReadingEnded(Current.Start, $"more than {MostNodes} values, aliases expanded");
        }

        if (place.Depth > Deepest)
        {
            throw new ReadingEnded(Current.Start, $"nested deeper than {Deepest} levels");
        }
    }

    private void Open(bool isFlow, Mark start)
    {
        if (isFlow)
        {
            openFlows.Push(start);
        }
    }

    private void Close(bool isFlow)
    {
        if (isFlow)
        {
            openFlows.Pop();
        }

        parser.MoveNext();
    }

    /// <summary>What is left cannot be read or must not be.</summary>
    private sealed class ReadingEnded(int line, int column, string message) : Exception(message)
    {
        public ReadingEnded(Mark at, string message)
            : this((int)at.Line, (int)at.Column, message)
        {
        }

        public int Line => line;

        public int Column => column;
    }
}
