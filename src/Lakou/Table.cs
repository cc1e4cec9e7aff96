using System.Globalization;

namespace Lakou;

/// <summary>Rows under a head, padded with blanks; columns of numbers to the right.</summary>
internal static class Table
{
    private const string Gap = "  ";

    private static readonly string[] Units = [" B", " KiB", " MiB", " GiB", " TiB"];

    /// <param name="head">A name that ends in <c>#</c> is of a column of numbers.</param>
    public static void Print(TextWriter to, string[] head, IEnumerable<string[]> rows)
    {
        string[][] all = [[.. head.Select(name => name.TrimEnd('#'))], .. rows];
        var widths = head.Select((_, column) => all.Max(row => row[column].Length)).ToArray();
        foreach (var row in all)
        {
            var cells = row.Select((cell, column) => head[column].EndsWith('#') ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            to.WriteLine(string.Join(Gap, cells).TrimEnd());
        }
    }

    /// <summary><c>4.1 MiB</c></summary>
    public static string Size(long bytes)
    {
        var (size, unit) = ((double)bytes, 0);
        while (size >= 1024 && unit < Units.Length - 1)
        {
            (size, unit) = (size / 1024, unit + 1);
        }

        return size.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + Units[unit];
    }

    /// <summary>On one line, at most so long, and nothing in it that moves a terminal's cursor.</summary>
    public static string Clip(string text, int most = 60)
    {
        var plain = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return plain.Length <= most ? plain : plain[..(most - 1)] + "…";
    }
}
