using System.Security.Cryptography;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Alone in its collection: it looks at the memory of the process.</summary>
[CollectionDefinition(nameof(LargeBodyTests), DisableParallelization = true)]
public sealed class LargeBodyCollection;

[Collection(nameof(LargeBodyTests))]
public sealed class LargeBodyTests
{
    private const int Blocks = 1600;
    private const int BlockBytes = 64 * 1024; // 100 MiB in all

    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hundred_megabytes_are_uploaded_unchanged_and_never_held(bool chunked)
    {
        var memory = new Memory();
        await using var server = await KestrelUpstream.StartAsync(async context =>
            await context.Response.Body.WriteAsync(await HashAsync(context.Request.Body, memory)));
        await using var gateway = await TestGateway.ForwardAsync(server.Url, listener: "limits: { body: 1GiB }");
        using var http = new HttpClient();
        using var response = await http.PostAsync(gateway.Uri, new RandomContent(chunked), Stop);
        Assert.Equal(RandomContent.Hash(), await response.Content.ReadAsByteArrayAsync(Stop));
        memory.AssertBounded();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hundred_megabytes_are_downloaded_unchanged_and_never_held(bool chunked)
    {
        await using var server = await KestrelUpstream.StartAsync(async context =>
        {
            using var content = new RandomContent(chunked);
            context.Response.ContentLength = content.Headers.ContentLength;
            await content.CopyToAsync(context.Response.Body);
        });
        await using var gateway = await TestGateway.ForwardAsync(server.Url);
        using var http = new HttpClient();
        var memory = new Memory();
        await using var body = await http.GetStreamAsync(gateway.Uri, Stop);
        Assert.Equal(RandomContent.Hash(), await HashAsync(body, memory));
        memory.AssertBounded();
    }

    private static async Task<byte[]> HashAsync(Stream body, Memory memory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockBytes];
        int count;
        for (var total = 0L; (count = await body.ReadAsync(block)) > 0; total += count)
        {
            hash.AppendData(block, 0, count);
            if ((total + count) >> 24 != total >> 24)
            {
                memory.Look();
            }
        }

        return hash.GetHashAndReset();
    }

    /// <summary>
    /// How far what the process holds rises while a body passes, looked at every 16 MiB of it. Kernel buffers are not counted. What other
    /// tests left may be given back meanwhile, so a rise counts from the lowest point before it.
    /// </summary>
    private sealed class Memory
    {
        private long _lowest = GC.GetTotalMemory(forceFullCollection: true);
        private long _rise;
        private int _looks;

        public void Look()
        {
            var held = GC.GetTotalMemory(forceFullCollection: true);
            _looks++;
            _rise = Math.Max(_rise, held - _lowest);
            _lowest = Math.Min(_lowest, held);
        }

        /// <summary>Everything managed, client and server of the test included, and what the loops of a transport keep at hand, stays far below a body.</summary>
        public void AssertBounded()
        {
            Assert.Equal((Blocks * BlockBytes) >> 24, _looks);
            Assert.InRange(_rise, 0, 24 << 20);
        }
    }

    private sealed class RandomContent(bool chunked) : HttpContent
    {
        public static byte[] Hash()
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var block in Produce())
            {
                hash.AppendData(block);
            }

            return hash.GetHashAndReset();
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            foreach (var block in Produce())
            {
                await stream.WriteAsync(block);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = (long)Blocks * BlockBytes;
            return !chunked;
        }

        private static IEnumerable<byte[]> Produce()
        {
            var random = new Random(7);
            var block = new byte[BlockBytes];
            for (var i = 0; i < Blocks; i++)
            {
                random.NextBytes(block);
                yield return block;
            }
        }
    }
}
