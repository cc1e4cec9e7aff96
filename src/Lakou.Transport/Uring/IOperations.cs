namespace Lakou.Transport.Uring;

/// <summary>Whoever has operations under way on a loop. It keeps its place in the loop's table until the last of them has ended.</summary>
internal interface IOperations
{
    /// <summary>On the loop: one operation has ended, or goes on with another result.</summary>
    void OnCompleted(OperationKind kind, in Completion completion);

    /// <summary>On the loop, which ends: so must everything on it.</summary>
    void Stop();
}

/// <summary>What an operation is to its owner.</summary>
internal enum OperationKind : byte
{
    Wake,
    Accept,
    Connect,
    Receive,
    Send,
    Cancel,
}
