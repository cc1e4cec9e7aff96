using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Primitives;
using Lakou.Http.Tests.Messages;

namespace Lakou.Http.Tests.Fields;

/// <summary>The table against a list of lines that does the same in the simplest way.</summary>
public sealed class FieldTableModelTests
{
    private static readonly string[] Names = ["Host", "hOST", "X-A", "x-a", "X-B", "Content-Length", "Set-Cookie", "a"];
    private static readonly string[] Texts = ["", "1", "22", "\u00e9\u00ff", "a longer value that moves to the end of the buffer", "3"];

    [Fact]
    public void Any_changes_leave_what_the_model_says() =>
        Prop.ForAll(Changes().ArrayOf().ToArbitrary(), changes =>
        {
            var table = new FieldTable();
            var model = new List<(string Name, string Value)>();
            foreach (var change in changes)
            {
                Apply(change, table, model);
                AssertSame(model, table);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    private static Gen<Change> Changes() =>
        from kind in Gen.Choose(0, 8)
        from name in Gen.Elements(Names)
        from values in Gen.Elements(Texts).ArrayOf()
        from index in Gen.Choose(0, 9)
        select new Change(kind, name, [.. values.Take(3)], index);

    private static void Apply(Change change, FieldTable table, List<(string Name, string Value)> model)
    {
        var (kind, name, values, index) = change;
        var text = values.FirstOrDefault("7");
        var at = model.FindIndex(line => Is(line.Name, name));
        switch (kind)
        {
            case 0:
                table[name] = new StringValues(values);
                ModelSet(model, name, values);
                break;
            case 1:
                table.Add(name, new StringValues(values));
                model.AddRange(values.Select(value => (name, value)));
                break;
            case 2:
                table.Append(Feed.Bytes(name), Feed.Bytes(text));
                model.Add((name, text));
                break;
            case 3:
                Assert.Equal(model.RemoveAll(line => Is(line.Name, name)) > 0, table.Remove(name));
                break;
            case 4 when index < model.Count:
                table.RemoveAt(index);
                model.RemoveAt(index);
                break;
            case 5:
                table.Set(KnownField.Host, Feed.Bytes(text));
                ModelSet(model, "Host", [text]);
                break;
            case 6:
                Assert.Equal(model.RemoveAll(line => Is(line.Name, "Set-Cookie")) > 0, table.Remove(KnownField.SetCookie));
                break;
            case 7:
                table.ContentLength = index == 0 ? null : index;
                ModelSet(model, "Content-Length", index == 0 ? [] : [index.ToString()]);
                break;
            case 8 when index == 0:
                table.Clear();
                model.Clear();
                break;
        }
    }

    private static void ModelSet(List<(string Name, string Value)> model, string name, string[] values)
    {
        var done = 0;
        for (var i = 0; i < model.Count; i++)
        {
            if (!Is(model[i].Name, name))
            {
                continue;
            }

            if (done < values.Length)
            {
                model[i] = (model[i].Name, values[done++]);
            }
            else
            {
                model.RemoveAt(i--);
            }
        }

        model.AddRange(values.Skip(done).Select(value => (name, value)));
    }

    private static void AssertSame(List<(string Name, string Value)> model, FieldTable table)
    {
        Assert.Equal(string.Concat(model.Select(line => $"{line.Name}: {line.Value}\r\n")), Feed.Lines(table));
        Assert.Equal(model.Count, table.LineCount);
        var groups = model.GroupBy(line => line.Name, line => line.Value, StringComparer.OrdinalIgnoreCase).ToArray();
        Assert.Equal(groups.Length, table.Count);
        Assert.Equal(groups.Select(g => g.Key), table.Keys, StringComparer.OrdinalIgnoreCase);
        Assert.Equal(groups.Select(g => new StringValues([.. g])), table.Values);
        foreach (var name in Names)
        {
            var values = model.Where(line => Is(line.Name, name)).Select(line => line.Value).ToArray();
            Assert.Equal(new StringValues(values), table[name]);
            Assert.Equal(values.Length > 0, table.ContainsKey(name));
            var known = KnownFields.Of(name);
            if (known != KnownField.Other)
            {
                Assert.Equal(values.Length, table.CountOf(known));
                Assert.Equal(values.Length > 0, table.Contains(known));
                Assert.Equal(values.Length > 0, table.TryGet(known, out var first));
                Assert.Equal(values.FirstOrDefault(""), Feed.Text(first));
            }
        }

        var length = model.Find(line => Is(line.Name, "Content-Length")).Value;
        Assert.Equal(length is "1" or "22" or "3" or [>= '1' and <= '9'] ? long.Parse(length) : null, table.ContentLength);
        var copy = new KeyValuePair<string, StringValues>[table.Count];
        table.CopyTo(copy, 0);
        Assert.Equal(table, copy);
    }

    private static bool Is(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private sealed record Change(int Kind, string Name, string[] Values, int Index);
}
