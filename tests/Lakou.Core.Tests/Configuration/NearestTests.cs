using FsCheck;
using FsCheck.Fluent;
using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

public sealed class NearestTests
{
    [Theory]
    [InlineData("permit", "; did you mean 'permits'?")]
    [InlineData("premits", "; did you mean 'permits'?")]
    [InlineData("Burst", "; did you mean 'burst'?")]
    [InlineData("brust", "; did you mean 'burst'?")]
    [InlineData("pr", "; did you mean 'per'?")]
    [InlineData("zzz", "; known: burst, per, permits")]
    [InlineData("", "; known: burst, per, permits")]
    public void The_nearest_word_is_suggested_else_all_are_named(string word, string suggestion) =>
        Assert.Equal(suggestion, Nearest.Suggest(word, ["burst", "per", "permits"]));

    [Fact]
    public void Long_lists_are_cut() =>
        Assert.Equal("; known: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, …", Nearest.Suggest("zzzz", Enumerable.Range(0, 13).Select(i => $"n{i}")));

    [Fact]
    public void Nothing_known_suggests_nothing() => Assert.Equal("", Nearest.Suggest("a", []));

    [Fact]
    public void Swapped_neighbours_are_one_edit() => Assert.Equal(1, Nearest.Distance("abcd", "acbd"));

    [Fact]
    public void Distance_is_symmetric_and_zero_only_between_equals() => Prop.ForAll<NonNull<string>, NonNull<string>>((a, b) =>
        Nearest.Distance(a.Get, b.Get) == Nearest.Distance(b.Get, a.Get)
        && (Nearest.Distance(a.Get, b.Get) == 0) == string.Equals(a.Get.ToLowerInvariant(), b.Get.ToLowerInvariant(), StringComparison.Ordinal)).QuickCheckThrowOnFailure();
}
