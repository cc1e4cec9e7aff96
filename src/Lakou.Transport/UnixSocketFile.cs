using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lakou.Transport;

/// <summary>The file of a Unix socket stays when its process is killed, and then stands in the way of the next bind.</summary>
internal static class UnixSocketFile
{
    /// <summary>Removes the file when it is a socket to which nobody answers.</summary>
    /// <returns>Whether it was removed. A live socket, and a file that is no socket, stay.</returns>
    public static bool RemoveIfStale(UnixDomainSocketEndPoint endPoint)
    {
        var path = endPoint.ToString();
        if (!IsSocket(path))
        {
            return false;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // Not blocking: a live listener with a full queue would make this wait. It then says EAGAIN, not ECONNREFUSED.
            probe.Blocking = false;
            probe.Connect(endPoint);
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    // struct statx (linux/stat.h), the same on every architecture, 256 bytes:
    //   0 mask u32 | 4 blksize u32 | 8 attributes u64 | 16 nlink u32 | 20 uid u32 | 24 gid u32 | 28 mode u16 | …
    // connect() says ECONNREFUSED for any file that is no socket, and .NET does not tell the type of a file.
    private static bool IsSocket(string path)
    {
        const int currentDirectory = -100; // AT_FDCWD
        const int noFollow = 0x100;        // AT_SYMLINK_NOFOLLOW
        const uint typeMask = 0x1;         // STATX_TYPE
        const int socketType = 0xC000;     // S_IFSOCK
        const int typeBits = 0xF000;       // S_IFMT
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        var status = new byte[256];
        return statx(currentDirectory, path, noFollow, typeMask, status) == 0
            && (BitConverter.ToUInt16(status, 28) & typeBits) == socketType;
    }

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] status);
}
