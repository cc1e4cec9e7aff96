using Lakou.Log.Commit;

namespace Lakou.Log.Tests;

public sealed class LingerTests
{
    [Fact]
    public void A_single_caller_is_never_kept()
    {
        var linger = After(1000, waiting: 1, milliseconds: 1);
        Assert.InRange(linger.Enough, 0, 1);
    }

    [Fact]
    public void As_many_are_waited_for_as_came_together_before()
    {
        var linger = After(1000, waiting: 64, milliseconds: 1);
        Assert.InRange(linger.Enough, 63, 64);
        for (var i = 0; i < 100; i++)
        {
            linger.Observe(TimeSpan.FromMilliseconds(1), 1);
        }

        Assert.InRange(linger.Enough, 0, 1);
    }

    [Fact]
    public void The_wait_is_half_a_sync_and_a_stalled_disk_does_not_make_it_long()
    {
        Assert.Equal(1, After(1000, waiting: 2, milliseconds: 2).Longest.TotalMilliseconds, 0.01);
        Assert.Equal(5, After(1, waiting: 2, milliseconds: 60_000).Longest.TotalMilliseconds);
        Assert.Equal(TimeSpan.Zero, new Linger().Longest);
    }

    private static Linger After(int batches, int waiting, int milliseconds)
    {
        var linger = new Linger();
        for (var i = 0; i < batches; i++)
        {
            linger.Observe(TimeSpan.FromMilliseconds(milliseconds), waiting);
        }

        return linger;
    }
}
