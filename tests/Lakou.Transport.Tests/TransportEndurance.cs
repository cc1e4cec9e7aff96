namespace Lakou.Transport.Tests;

/// <summary>Alone in their collection: these tests look at the descriptors and the memory of the process.</summary>
[CollectionDefinition(nameof(TransportEndurance), DisableParallelization = true)]
public sealed class TransportEnduranceAlone;

/// <summary>What every transport must stand: storms, faults of the process, numbers. A transport runs it by deriving one class.</summary>
[Collection(nameof(TransportEndurance))]
public abstract partial class TransportEndurance : TransportTest
{
}
