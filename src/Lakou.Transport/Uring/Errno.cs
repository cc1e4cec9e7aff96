using System.Net.Sockets;

namespace Lakou.Transport.Uring;

/// <summary>The kernel's error numbers (asm-generic/errno.h) that tell what to do next.</summary>
internal static class Errno
{
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int Interrupted = 4;
    public const int BadDescriptor = 9;
    public const int Again = 11;
    public const int NoMemory = 12;
    public const int Busy = 16;
    public const int Invalid = 22;
    public const int FileTableFull = 23;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int NoSystemCall = 38;
    public const int ConnectionAborted = 103;
    public const int NoBuffers = 105;
    public const int Canceled = 125;

    public static SocketException ToException(int errno) => new((int)ToError(errno));

    private static SocketError ToError(int errno) => errno switch
    {
        NotPermitted or 13 => SocketError.AccessDenied,             // EPERM, EACCES
        NoEntry or 99 => SocketError.AddressNotAvailable,           // a Unix socket's file, EADDRNOTAVAIL
        Interrupted => SocketError.Interrupted,
        BadDescriptor => SocketError.OperationAborted,
        Again => SocketError.WouldBlock,
        NoMemory or NoBuffers => SocketError.NoBufferSpaceAvailable,
        FileTableFull or TooManyFiles => SocketError.TooManyOpenSockets,
        Invalid => SocketError.InvalidArgument,
        BrokenPipe or 108 => SocketError.Shutdown,                  // ESHUTDOWN
        71 => SocketError.ProtocolOption,                           // EPROTO
        97 => SocketError.AddressFamilyNotSupported,                // EAFNOSUPPORT
        98 => SocketError.AddressAlreadyInUse,                      // EADDRINUSE
        100 => SocketError.NetworkDown,                             // ENETDOWN
        101 => SocketError.NetworkUnreachable,                      // ENETUNREACH
        102 => SocketError.NetworkReset,                            // ENETRESET
        ConnectionAborted => SocketError.ConnectionAborted,
        104 => SocketError.ConnectionReset,                         // ECONNRESET
        106 => SocketError.IsConnected,                             // EISCONN
        107 => SocketError.NotConnected,                            // ENOTCONN
        110 => SocketError.TimedOut,                                // ETIMEDOUT
        111 => SocketError.ConnectionRefused,                       // ECONNREFUSED
        112 => SocketError.HostDown,                                // EHOSTDOWN
        113 => SocketError.HostUnreachable,                         // EHOSTUNREACH
        Canceled => SocketError.OperationAborted,
        _ => SocketError.SocketError,
    };
}
