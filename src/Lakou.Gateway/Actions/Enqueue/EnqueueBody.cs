using System.Buffers;
using Lakou.Core.Faults;
using Lakou.Http.Server;

namespace Lakou.Gateway.Actions.Enqueue;

/// <summary>
/// The body of a request in one pooled array, which grows with what arrives and not with what was announced. Taken out of the connection at once:
/// its blocks are few, and the store's disk may take its time.
/// </summary>
internal sealed class EnqueueBody(EnqueueState state) : IDisposable
{
    /// <summary>The largest batch.</summary>
    public const int MaxBytes = 8 << 20;

    /// <summary>Every request may have so many, however many large ones there are.</summary>
    public const int FreeBytes = 64 * 1024;

    private const int FirstBytes = 4 * 1024;

    private byte[] _bytes = [];
    private int _length;
    private long _taken;

    /// <summary>Good until <see cref="Dispose"/>.</summary>
    public ReadOnlySequence<byte> Bytes => new(_bytes, 0, _length);

    public Fault? Append(in ReadOnlySequence<byte> more)
    {
        if (more.Length > MaxBytes - _length)
        {
            return ServerFaults.BodyTooLarge.With($"Events that come together have at most {MaxBytes} bytes.");
        }

        var length = _length + (int)more.Length;
        if (length > _bytes.Length && !TryGrow(length))
        {
            return EnqueueFaults.NoRoom.With("Send it again in a moment, or in smaller batches.", TimeSpan.FromSeconds(1));
        }

        more.CopyTo(_bytes.AsSpan(_length));
        _length = length;
        return null;
    }

    public void Dispose()
    {
        state.Give(_taken);
        Replace([]);
        (_length, _taken) = (0, 0);
    }

    private bool TryGrow(int length)
    {
        var size = Math.Clamp(2 * _bytes.Length, Math.Max(FirstBytes, length), MaxBytes);
        var more = Math.Max(0, size - FreeBytes) - _taken;
        if (!state.TryTake(more))
        {
            return false;
        }

        _taken += more;
        var bytes = ArrayPool<byte>.Shared.Rent(size);
        _bytes.AsSpan(0, _length).CopyTo(bytes);
        Replace(bytes);
        return true;
    }

    private void Replace(byte[] bytes)
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = bytes;
    }
}
