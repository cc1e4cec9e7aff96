using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>p: a probe passes, f: it fails; h: healthy after it, u: unhealthy.</summary>
public sealed class ProbeRecordTests
{
    private static readonly ActiveOptions s_options = new() { HealthyAfter = 2, UnhealthyAfter = 3 };

    [Theory]
    [InlineData("pffpffpffp", "hhhhhhhhhh")]
    [InlineData("pfffpfppf", "hhhuuuuhh")]
    [InlineData("fpp", "uuh")]
    [InlineData("ff", "uu")]
    [InlineData("pfff", "hhhu")]
    public void Outcomes_in_a_row_change_the_state_and_the_first_decides(string probes, string states)
    {
        var record = new ProbeRecord();
        Assert.Equal(states, Run(record, probes));
    }

    [Fact]
    public void After_a_change_of_what_is_asked_the_first_decides_again_and_until_then_nothing_changes()
    {
        var record = new ProbeRecord();
        Assert.Equal("hhhu", Run(record, "pfff"));
        record.Restart();
        Assert.True(record.IsUnhealthy);
        Assert.Equal("h", Run(record, "p"));
        record.Restart();
        Assert.Equal("u", Run(record, "f"));
    }

    [Fact]
    public void What_is_forgotten_is_healthy()
    {
        var record = new ProbeRecord();
        Assert.Equal("u", Run(record, "f"));
        record.Forget();
        Assert.False(record.IsUnhealthy);
        Assert.Equal("h", Run(record, "p"));
    }

    private static string Run(ProbeRecord record, string probes) => string.Concat(probes.Select(probe =>
    {
        record.Accept(probe == 'p' ? ProbeResult.Pass : new("status", "status 500"), s_options);
        return record.IsUnhealthy ? 'u' : 'h';
    }));
}
