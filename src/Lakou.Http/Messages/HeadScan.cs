namespace Lakou.Http;

/// <summary>
/// Cuts the bytes of a head, which a <see cref="FieldTable"/> gathers as they arrive, into lines and reads the field lines.
/// Remembers its place between calls, so each byte is looked at once however it arrives, and stops at the first byte that no line may hold.
/// </summary>
internal struct HeadScan
{
    private int _scanned;

    /// <summary>Offset of the first byte of the line that is being read.</summary>
    public int LineStart { get; private set; }

    /// <summary>Set with <see cref="ParseStatus.Invalid"/>.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether <see cref="Problem"/> is about a limit.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Offset up to which everything is good.</summary>
    public readonly int Scanned => _scanned;

    /// <summary>The next line without its CRLF.</summary>
    public ParseStatus NextLine(ReadOnlySpan<byte> raw, out Range line)
    {
        line = default;
        var hit = raw[_scanned..].IndexOfAny(FieldGrammar.Controls);
        if (hit < 0)
        {
            _scanned = raw.Length;
            return ParseStatus.NeedMore;
        }

        _scanned += hit;
        if (raw[_scanned] != '\r')
        {
            return Fail(raw[_scanned] == '\n' ? "LF without CR" : $"control character 0x{raw[_scanned]:x2}");
        }

        if (_scanned + 1 == raw.Length)
        {
            return ParseStatus.NeedMore;
        }

        if (raw[_scanned + 1] != '\n')
        {
            return Fail("CR without LF");
        }

        line = LineStart.._scanned;
        _scanned += 2;
        LineStart = _scanned;
        return ParseStatus.Done;
    }

    /// <summary>Reads field lines up to and including the empty line.</summary>
    public ParseStatus ReadFields(FieldTable table, HeadLimits limits)
    {
        while (true)
        {
            switch (NextLine(table.Raw, out var line))
            {
                case ParseStatus.NeedMore:
                    return ParseStatus.NeedMore;
                case ParseStatus.Invalid:
                    return Fail($"{Problem} in field line {table.LineCount + 1}");
            }

            var (start, length) = line.GetOffsetAndLength(table.Raw.Length);
            if (length == 0)
            {
                return ParseStatus.Done;
            }

            if (table.LineCount == limits.Fields)
            {
                return FailTooLarge($"more than {limits.Fields} field lines");
            }

            if (ReadField(table, start, length) is { } problem)
            {
                return Fail($"{problem} in field line {table.LineCount + 1}");
            }
        }
    }

    public ParseStatus FailTooLarge(string problem)
    {
        IsTooLarge = true;
        return Fail(problem);
    }

    private ParseStatus Fail(string problem)
    {
        Problem = problem;
        return ParseStatus.Invalid;
    }

    private static string? ReadField(FieldTable table, int start, int length)
    {
        var line = table.Raw.Slice(start, length);
        var colon = FieldGrammar.TokenLength(line);
        if (colon == 0 || colon == length || line[colon] != ':')
        {
            return NameProblem(line, colon);
        }

        var valueStart = colon + 1;
        while (valueStart < length && FieldGrammar.IsOws(line[valueStart]))
        {
            valueStart++;
        }

        var value = FieldGrammar.TrimOws(line[valueStart..]);
        table.AddLine(KnownFields.Of(line[..colon]), start, colon, start + valueStart, value.Length);
        return null;
    }

    private static string NameProblem(ReadOnlySpan<byte> line, int tokenLength) => line[tokenLength..] switch
    {
        [] => "no colon",
        [(byte)' ' or (byte)'\t', ..] when tokenLength == 0 => "white space first (obsolete folding)",
        [(byte)' ' or (byte)'\t', ..] => "white space in or behind the name",
        [(byte)':', ..] => "no name",
        _ => "a name that is no token",
    };
}
