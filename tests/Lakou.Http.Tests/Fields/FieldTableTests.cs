using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lakou.Http.Tests.Fields;

public sealed class FieldTableTests
{
    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a\r\nb")]
    [InlineData("a:")]
    [InlineData("\u00e9")]
    [InlineData("\u4e2d")]
    public void A_name_that_is_no_token_is_refused(string name)
    {
        var table = new FieldTable();

        Assert.Throws<ArgumentException>(() => table[name] = "x");
        Assert.Throws<ArgumentException>(() => table.Add(name, "x"));
        Assert.Throws<ArgumentException>(() => table.Append(name, "x"));
        Assert.Empty(table);
    }

    [Theory]
    [InlineData("a\r\nb: c")]
    [InlineData("a\nb")]
    [InlineData("a\rb")]
    [InlineData("a\0")]
    [InlineData("\u001b")]
    [InlineData("\u007f")]
    [InlineData("\u4e2d")]
    [InlineData("\u010a")] // its low byte is LF
    public void A_value_that_could_end_the_line_or_has_no_byte_is_refused(string value)
    {
        var table = new FieldTable { ["X-A"] = "before" };

        Assert.Contains("X-A", Assert.Throws<InvalidOperationException>(() => table["X-A"] = value).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => table["X-A"] = new StringValues(["good", value]));
        Assert.Throws<InvalidOperationException>(() => table.Add("X-A", value));
        Assert.Throws<InvalidOperationException>(() => table.Append("X-A", value));
        Assert.Equal("before", table["x-a"]);
    }

    [Fact]
    public void A_message_about_a_bad_name_holds_no_control_character() =>
        Assert.DoesNotContain("\r", Assert.Throws<ArgumentException>(() => new FieldTable { ["a\r\nb"] = "c" }).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_byte_that_a_value_may_hold_comes_back()
    {
        var all = string.Concat(Enumerable.Range(0x21, 0xdf).Where(c => c != 0x7f).Select(c => (char)c));
        var table = new FieldTable { ["X-A"] = all };

        Assert.Equal(all, table["X-A"]);
        Assert.Equal(all, Encoding.Latin1.GetString(table.ValueAt(0)));
    }

    [Fact]
    public void White_space_around_a_value_is_dropped()
    {
        var table = new FieldTable { ["X-A"] = " \ta\t b \t" };

        Assert.Equal("a\t b", table["X-A"]);
    }

    [Fact]
    public void A_frozen_table_refuses_every_change_until_it_is_cleared()
    {
        var table = new FieldTable { ["X-A"] = "1" };
        table.Freeze();

        Assert.True(table.IsReadOnly);
        Assert.Throws<InvalidOperationException>(() => table["X-A"] = "2");
        Assert.Throws<InvalidOperationException>(() => table.Add("X-B", "2"));
        Assert.Throws<InvalidOperationException>(() => table.Add(new("X-B", "2")));
        Assert.Throws<InvalidOperationException>(() => table.Remove("X-A"));
        Assert.Throws<InvalidOperationException>(() => table.Remove(new KeyValuePair<string, StringValues>("X-A", "1")));
        Assert.Throws<InvalidOperationException>(((IHeaderDictionary)table).Clear);
        Assert.Throws<InvalidOperationException>(() => table.ContentLength = 1);
        Assert.Equal("1", table["X-A"]);

        table.Clear();
        table["X-A"] = "2";
        Assert.Equal("2", table["X-A"]);
    }

    [Fact]
    public void Setting_keeps_the_place_of_the_first_lines()
    {
        var table = new FieldTable();
        foreach (var (name, value) in ((string, string)[])[("A", "1"), ("B", "2"), ("a", "3"), ("C", "4"), ("A", "5")])
        {
            table.Append(name, value);
        }

        table["a"] = new(["long enough to need another place", "6"]);

        Assert.Equal("A: long enough to need another place\r\nB: 2\r\na: 6\r\nC: 4\r\n", Messages.Feed.Lines(table));
    }

    [Fact]
    public void Setting_nothing_removes_the_name()
    {
        var table = new FieldTable { ["A"] = "1", ["B"] = "2" };
        table["a"] = StringValues.Empty;
        table["b"] = default(string);

        Assert.Equal(0, table.LineCount);
    }

    [Fact]
    public void An_absent_name_is_empty_here_and_an_error_to_a_plain_dictionary()
    {
        var table = new FieldTable();

        Assert.Equal(StringValues.Empty, table["A"]);
        Assert.Throws<KeyNotFoundException>(() => ((IDictionary<string, StringValues>)table)["A"]);
        Assert.False(table.TryGetValue("A", out _));
        Assert.Null(table.ContentLength);
    }

    [Theory]
    [InlineData("gzip", true)]
    [InlineData("br", true)]
    [InlineData("x", true)]
    [InlineData("zip", false)]
    [InlineData("", false)]
    [InlineData("y z", true)]
    public void A_list_is_searched_over_all_lines_in_any_case(string token, bool expected)
    {
        var table = new FieldTable();
        table.Append("Connection", "GZIP ,\tBr");
        table.Append("Te", "zip");
        table.Append("connection", "y z,x");

        Assert.Equal(expected, table.ListContains(KnownField.Connection, Encoding.ASCII.GetBytes(token)));
    }

    [Fact]
    public void A_value_may_be_set_from_the_table_itself()
    {
        var table = new FieldTable();
        table.Append(KnownField.Host, "abcdef"u8);
        table.Append(KnownField.Via, "1234567890"u8);
        table.Set(KnownField.Host, table.ValueAt(0)[2..]);
        Assert.Equal("cdef", table["Host"]);
        for (var i = 0; i < 12; i++)
        {
            table.Append(table.NameAt(1), table.ValueAt(1));
            table.Set(KnownField.Host, table.ValueAt(1));
            table["X-Long"] = new string('x', 500 * i);
        }

        Assert.Equal("1234567890", table["Host"]);
        Assert.Equal(13, table.CountOf(KnownField.Via));
    }

    [Fact]
    public void A_string_is_made_once_while_the_bytes_stay_the_same()
    {
        var table = new FieldTable();
        Fill("\u00e9 one"u8);
        var first = table["X-A"].ToString();
        var name = table.Keys.Single();

        table.Clear();
        Fill("\u00e9 one"u8);
        Assert.Same(first, table["x-a"].ToString());
        Assert.Same(name, table.Keys.Single());

        table.Clear();
        Fill("\u00e9 two"u8);
        Assert.NotEqual(first, table["X-A"].ToString());

        void Fill(ReadOnlySpan<byte> value) => table.Append("X-A"u8, value);
    }

    [Fact]
    public void Strings_of_earlier_messages_are_let_go_before_they_are_many()
    {
        var table = new FieldTable();
        table.Append("X-A"u8, "one"u8);
        var first = table["X-A"].ToString();
        table.Append("X-B", new string('x', 32 * 1024));

        table.Clear();
        table.Append("X-A"u8, "one"u8);
        Assert.Equal(first, table["X-A"].ToString());
        Assert.NotSame(first, table["X-A"].ToString());
    }

    [Fact]
    public void An_index_beyond_the_lines_is_an_error()
    {
        var table = new FieldTable { ["A"] = "1" };
        table.Clear();

        Assert.Throws<ArgumentOutOfRangeException>(() => { table.NameAt(0); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { table.ValueAt(-1); });
        Assert.Throws<ArgumentOutOfRangeException>(() => table.RemoveAt(0));
    }

    [Fact]
    public void Clear_lets_go_of_a_buffer_beyond_64_kib_and_keeps_a_smaller_one()
    {
        var table = new FieldTable();
        Assert.Equal(0, Refill(64 * 1024 - 1, warm: true));
        Assert.True(Refill(64 * 1024, warm: true) >= 128 * 1024);

        long Refill(int length, bool warm)
        {
            var value = new byte[length];
            Array.Fill(value, (byte)'x');
            for (var round = 0; warm && round < 2; round++)
            {
                table.Clear();
                table.Append("a"u8, value);
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            table.Clear();
            table.Append("a"u8, value);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
