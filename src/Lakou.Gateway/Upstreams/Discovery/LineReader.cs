namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>Lines of a stream that does not end. A last line without its end is none: it was cut.</summary>
/// <param name="stream">Not disposed.</param>
/// <param name="longest">In bytes.</param>
internal sealed class LineReader(Stream stream, int longest)
{
    private byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _seen;
    private int _end;

    /// <summary>The next line, if it is here already; good until the next call of anything.</summary>
    public bool TryTake(out ReadOnlyMemory<byte> line)
    {
        var length = _buffer.AsSpan(_seen, _end - _seen).IndexOf((byte)'\n');
        if (length < 0)
        {
            _seen = _end;
            line = default;
            return false;
        }

        line = _buffer.AsMemory(_start, _seen + length - _start);
        _start = _seen = _seen + length + 1;
        return true;
    }

    /// <summary>Waits for more bytes; false at the end of the stream.</summary>
    /// <exception cref="DiscoveryException">A line is too long.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken stop)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_seen, _end, _start) = (_seen - _start, _end - _start, 0);
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= longest)
            {
                throw new DiscoveryException(DiscoveryFailure.Answer, $"a line of the answer is longer than {longest >> 20} MiB");
            }

            Array.Resize(ref _buffer, Math.Min(longest, _buffer.Length * 2));
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), stop);
        _end += read;
        return read > 0;
    }
}
