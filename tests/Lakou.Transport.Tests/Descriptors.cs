using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Lakou.Transport.Tests;

/// <summary>What /proc tells of this process.</summary>
internal static class Descriptors
{
    /// <summary>Every open socket, pipe and ring, as its number and what it is. Files do not count: the runtime opens assemblies when it needs them.</summary>
    public static HashSet<string> Open()
        => Directory.EnumerateFileSystemEntries("/proc/self/fd")
            .Select(static path => (Number: Path.GetFileName(path), Target: Target(path)))
            .Where(static open => open.Target.Length > 0 && open.Target[0] != '/')
            .Select(static open => $"{open.Number} {open.Target}")
            .ToHashSet(StringComparer.Ordinal);

    /// <summary>Sockets of this process whose remote address is <paramref name="target"/>, an IPv4 one; those that the kernel keeps after their close do not count.</summary>
    public static int TcpTo(IPEndPoint target)
    {
        // /proc/net/tcp: sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode. Addresses are words of the host's order.
        var address = BinaryPrimitives.ReadUInt32LittleEndian(target.Address.GetAddressBytes());
        var remote = string.Create(CultureInfo.InvariantCulture, $"{address:X8}:{target.Port:X4}");
        var inodes = File.ReadLines("/proc/net/tcp")
            .Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => string.Equals(fields[2], remote, StringComparison.Ordinal))
            .Select(static fields => $"socket:[{fields[9]}]")
            .ToHashSet(StringComparer.Ordinal);
        return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(path => inodes.Contains(Target(path)));
    }

    private static string Target(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return ""; // closed since
        }
    }
}
