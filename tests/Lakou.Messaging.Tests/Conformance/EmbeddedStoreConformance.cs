using Lakou.Core.Disk;
using Lakou.Log.Tests.Harness;

namespace Lakou.Messaging.Tests.Conformance;

public sealed class EmbeddedStoreOnASimulatedDiskConformance : StoreConformance
{
    private protected override async Task<IEventStore> OpenAsync(string yaml)
    {
        // A restart here is a loss of power.
        var disk = new SimulatedDisk();
        return await EmbeddedStore.OpenAsync(yaml, "/", disk, () => disk = disk.Crash(null));
    }
}

public sealed class EmbeddedStoreInAFolderConformance : StoreConformance, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lakou-conformance-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private protected override async Task<IEventStore> OpenAsync(string yaml) => await EmbeddedStore.OpenAsync(yaml, _directory, SystemDisk.Instance, null);
}
