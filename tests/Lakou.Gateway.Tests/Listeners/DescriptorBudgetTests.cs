using Lakou.Gateway.Listeners;

namespace Lakou.Gateway.Tests.Listeners;

public sealed class DescriptorBudgetTests
{
    private const string Before = "Limit                     Soft Limit           Hard Limit           Units     \nMax processes             95966                95966                processes \n";

    [Theory]
    [InlineData("1024", 384)]
    [InlineData("1048576", 524160)]
    [InlineData("100", 1)]
    public void Each_connection_may_take_two_descriptors_of_what_is_not_reserved(string soft, int connections)
        => Assert.Equal((connections, long.Parse(soft)), DescriptorBudget.Of($"{Before}Max open files            {soft,-20} 1048576              files     \n"));

    [Theory]
    [InlineData("")]
    [InlineData("Max open files")]
    [InlineData("Max open files            unlimited            unlimited            files     \n")]
    public void Without_a_limit_there_is_no_bound(string limits)
        => Assert.Equal((int.MaxValue, long.MaxValue), DescriptorBudget.Of(limits));

    [Fact]
    public void This_process_has_room()
        => Assert.True(DescriptorBudget.Read().Connections > 0);
}
