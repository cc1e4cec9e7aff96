namespace Lakou.Transport.Tests;

/// <summary>Alone in their collection: these tests look at the descriptors and the memory of the process.</summary>
[CollectionDefinition(nameof(TransportEndurance), DisableParallelization = true)]
public sealed class TransportEnduranceAlone;

/// <summary>What every transport must stand: storms, numbers, faults of the process. A transport runs it by deriving one class.</summary>
[Collection(nameof(TransportEndurance))]
public abstract partial class TransportEndurance : TransportTest
{
    /// <summary>Runs one connection each way, so that whatever opens descriptors once has done so, and looks at them.</summary>
    private async Task<IReadOnlySet<string>> WarmUpAsync(LakouTransport transport)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers(); // of tests before
        foreach (var opener in Enum.GetValues<Opener>())
        {
            await using var pair = await ConnectAsync(opener, transport);
            pair.Peer.EndSending();
            await ReadPatternToEndAsync(pair.Connection);
        }

        return Descriptors.Open();
    }

    /// <summary>Every connection was closed: nothing stays, and no collection was needed for it.</summary>
    private async Task LeavesNothingAsync(LakouTransport transport, IReadOnlySet<string> before)
    {
        await EventuallyAsync(() => transport.OutstandingBlocks == 0);
        var left = new List<string>();
        await EventuallyAsync(() => (left = [.. Descriptors.Open().Except(before)]).Count == 0, () => $"open are still {string.Join(", ", left)}");
    }
}
