namespace Lakou.Transport;

/// <summary>Ends one direction of a connection while the other goes on (TCP half-close, RFC 9293 §3.6).</summary>
public interface IHalfCloseFeature
{
    /// <summary>
    /// False: the peer's FIN fires <c>ConnectionClosed</c>, because a client that leaves wants no answer. True, for tunnels: it fires
    /// when both directions have ended, or on reset or abort. Input ends without error either way.
    /// </summary>
    bool KeepOpenOnPeerFin { get; set; }

    /// <summary>
    /// Hands every byte flushed so far to the kernel, then FIN. Receiving goes on; whatever is written later is dropped, its flush says completed.
    /// When the connection dies meanwhile this ends without error: <c>ConnectionClosed</c> tells.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> ended the wait; FIN follows all the same.</exception>
    ValueTask ShutdownSendAsync(CancellationToken cancellationToken);
}
