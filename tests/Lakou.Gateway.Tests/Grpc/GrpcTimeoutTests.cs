using Lakou.Gateway.Grpc;

namespace Lakou.Gateway.Tests.Grpc;

public sealed class GrpcTimeoutTests
{
    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("3S", 3_000)]
    [InlineData("250m", 250)]
    [InlineData("99999999m", 99_999_999)]
    [InlineData("5000u", 5)]
    [InlineData("1000000n", 1)]
    [InlineData("0m", 0)]
    public void A_timeout_is_digits_and_a_unit(string text, double milliseconds)
        => Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), GrpcTimeout.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("5")]
    [InlineData("-5S")]
    [InlineData(" 5S")]
    [InlineData("5s")]
    [InlineData("1.5S")]
    [InlineData("100000000n")]
    public void Anything_else_is_none(string text) => Assert.Null(GrpcTimeout.Parse(text));
}
