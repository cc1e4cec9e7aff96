using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Transport.Uring;

/// <summary>
/// struct sockaddr, as the kernel has it.
/// <code>
/// AF_INET   0 family u16 | 2 port be16 | 4 address 4
/// AF_INET6  0 family u16 | 2 port be16 | 4 flow u32 | 8 address 16 | 24 scope u32
/// AF_UNIX   0 family u16 | 2 path, zero-terminated
/// </code>
/// </summary>
internal static class SocketAddresses
{
    /// <summary>sizeof(struct sockaddr_un), the longest.</summary>
    public const int MaxBytes = 110;

    public const int Unix = 1;
    public const int IPv4 = 2;
    public const int IPv6 = 10;

    /// <exception cref="NotSupportedException">It is neither an IP address with port nor a Unix socket.</exception>
    public static byte[] Write(EndPoint endPoint)
    {
        if (endPoint is not (IPEndPoint or UnixDomainSocketEndPoint))
        {
            throw new NotSupportedException($"{endPoint} ({endPoint.GetType().Name}) is neither an IP address with port nor a Unix socket.");
        }

        // The runtime's form is the kernel's already.
        var address = endPoint.Serialize();
        return address.Buffer[..address.Size].ToArray();
    }

    public static EndPoint? Read(ReadOnlySpan<byte> address)
    {
        if (address.Length < 2)
        {
            return null;
        }

        switch (BitConverter.ToUInt16(address))
        {
            case IPv4:
                return new IPEndPoint(new IPAddress(address.Slice(4, 4)), BinaryPrimitives.ReadUInt16BigEndian(address[2..]));
            case IPv6:
                return new IPEndPoint(new IPAddress(address.Slice(8, 16), BitConverter.ToUInt32(address[24..])), BinaryPrimitives.ReadUInt16BigEndian(address[2..]));
            case Unix:
                var path = address[2..];
                var end = path.IndexOf((byte)0);
                path = end < 0 ? path : path[..end];
                return path.IsEmpty ? null : UnixPath(Encoding.UTF8.GetString(path));
            default:
                return null;
        }
    }

    // The peer chose it: it need not be a text that the runtime takes.
    private static UnixDomainSocketEndPoint? UnixPath(string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
