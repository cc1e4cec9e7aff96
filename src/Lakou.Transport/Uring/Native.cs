using System.Runtime.InteropServices;

namespace Lakou.Transport.Uring;

/// <summary>System calls. Each returns what the kernel returned: an errno comes as its negative.</summary>
internal static unsafe class Native
{
    // The numbers of io_uring's calls are the same on every architecture.
    private const nint SetupCall = 425;
    private const nint EnterCall = 426;
    private const nint RegisterCall = 427;

    private const int ProtectReadWrite = 0x1 | 0x2; // PROT_READ | PROT_WRITE
    private const int MapShared = 0x1;
    private const int MapPrivateAnonymous = 0x2 | 0x20;
    private const int MapPopulate = 0x8000;

    public static int Setup(uint entries, RingParameters* parameters) => Result(syscall(SetupCall, (nint)entries, (nint)parameters, 0, 0, 0, 0));

    /// <summary>Submits, and waits for <paramref name="minComplete"/> completions.</summary>
    public static int Enter(int ring, uint toSubmit, uint minComplete, uint flags)
        => Result(syscall(EnterCall, ring, (nint)toSubmit, (nint)minComplete, (nint)flags, 0, 0));

    public static int Register(int ring, uint operation, void* argument, uint count)
        => Result(syscall(RegisterCall, ring, (nint)operation, (nint)argument, (nint)count, 0, 0));

    /// <summary>Maps memory of a ring; null when it cannot be.</summary>
    public static byte* MapRing(int ring, nuint length, long offset) => Map(length, MapShared | MapPopulate, ring, offset);

    public static byte* MapAnonymous(nuint length) => Map(length, MapPrivateAnonymous | MapPopulate, -1, 0);

    public static void Unmap(byte* address, nuint length) => _ = munmap(address, length);

    public static int Close(int descriptor) => Result(close(descriptor));

    /// <summary>Another descriptor of the same file.</summary>
    public static int Duplicate(int descriptor)
    {
        const int duplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
        return Result(fcntl(descriptor, duplicateCloseOnExec, 0));
    }

    public static int EventDescriptor()
    {
        const int closeOnExec = 0x80000; // EFD_CLOEXEC
        return Result(eventfd(0, closeOnExec));
    }

    /// <summary>Adds 1 to an event descriptor.</summary>
    public static void Signal(int descriptor)
    {
        ulong one = 1;
        _ = write(descriptor, &one, sizeof(ulong));
    }

    public static int CreateSocket(int family)
    {
        const int streamCloseOnExec = 1 | 0x80000; // SOCK_STREAM | SOCK_CLOEXEC
        return Result(socket(family, streamCloseOnExec, 0));
    }

    public static int SetOption(int descriptor, int level, int option, int value) => Result(setsockopt(descriptor, level, option, &value, sizeof(int)));

    /// <summary>Makes close send RST.</summary>
    public static void ResetOnClose(int descriptor)
    {
        const int socketLevel = 1; // SOL_SOCKET
        const int linger = 13;     // SO_LINGER: struct { int onoff; int seconds; }
        var value = stackalloc int[2] { 1, 0 };
        _ = setsockopt(descriptor, socketLevel, linger, value, 2 * sizeof(int));
    }

    /// <summary>Sends FIN.</summary>
    public static int ShutdownSend(int descriptor) => Result(shutdown(descriptor, 1)); // SHUT_WR

    /// <param name="descriptor">A socket.</param>
    /// <param name="peer">The other end's address, else our own.</param>
    /// <param name="address">At least <see cref="SocketAddresses.MaxBytes"/>.</param>
    /// <returns>Bytes of the address, or a negative errno.</returns>
    public static int AddressOf(int descriptor, bool peer, byte* address)
    {
        var length = SocketAddresses.MaxBytes;
        var result = Result(peer ? getpeername(descriptor, address, &length) : getsockname(descriptor, address, &length));
        return result < 0 ? result : Math.Min(length, SocketAddresses.MaxBytes); // a path without an end is longer than it tells
    }

    private static byte* Map(nuint length, int flags, int descriptor, long offset)
    {
        var address = mmap(null, length, ProtectReadWrite, flags, descriptor, offset);
        return (nint)address == -1 ? null : (byte*)address;
    }

    private static int Result(nint result) => result >= 0 ? (int)result : -Marshal.GetLastPInvokeError();

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void* mmap(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int munmap(void* address, nuint length);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int close(int descriptor);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int fcntl(int descriptor, int command, int argument);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int eventfd(uint initial, int flags);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint write(int descriptor, void* bytes, nuint count);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int socket(int family, int type, int protocol);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setsockopt(int descriptor, int level, int option, void* value, int length);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int shutdown(int descriptor, int how);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int getpeername(int descriptor, byte* address, int* length);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int getsockname(int descriptor, byte* address, int* length);
}
