using System.Buffers;
using Lakou.Gateway.Actions.Enqueue;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

public sealed class EnqueueBodyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(100_000)]
    [InlineData(EnqueueBody.MaxBytes)]
    public void Bytes_come_out_as_they_went_in(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var state = new EnqueueState(EnqueueBody.MaxBytes);
        using (var body = new EnqueueBody(state))
        {
            for (var at = 0; at < length; at += 3001)
            {
                Assert.Null(body.Append(new(bytes, at, Math.Min(3001, length - at))));
            }

            Assert.True(body.Bytes.ToArray().AsSpan().SequenceEqual(bytes));
            Assert.True(body.Bytes.IsSingleSegment);
        }

        Assert.True(state.TryTake(EnqueueBody.MaxBytes)); // all of it is there again
    }

    [Fact]
    public void The_largest_body_fits_and_one_byte_more_does_not()
    {
        using var body = new EnqueueBody(new EnqueueState());
        Assert.Null(body.Append(new(new byte[EnqueueBody.MaxBytes - 1])));
        Assert.Null(body.Append(new(new byte[1])));
        Assert.Equal("http/body-too-large", body.Append(new(new byte[1]))!.Code.Name);
        Assert.Equal(EnqueueBody.MaxBytes, body.Bytes.Length);
    }

    [Fact]
    public void Large_bodies_share_their_memory_and_small_ones_need_none_of_it()
    {
        var state = new EnqueueState(200_000);
        using var small = new EnqueueBody(state);
        using (var first = new EnqueueBody(state))
        {
            Assert.Null(first.Append(new(new byte[200_000])));
            using var second = new EnqueueBody(state);
            Assert.Equal("enqueue/no-room", second.Append(new(new byte[200_000]))!.Code.Name);
            Assert.Null(small.Append(new(new byte[EnqueueBody.FreeBytes])));
        }

        using var third = new EnqueueBody(state);
        Assert.Null(third.Append(new(new byte[200_000])));
    }
}
