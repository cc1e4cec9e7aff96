namespace Lakou.Transport.Tests;

/// <summary>What every transport must do. A transport runs it by deriving one class, and another of <see cref="TransportEndurance"/>.</summary>
public abstract partial class TransportConformance : TransportTest;
