using System.Buffers.Text;
using System.IO.Pipelines;
using System.Text;

namespace Lakou.Http;

/// <summary>Writes a head straight into a connection's output. <see cref="End"/> makes it part of the next flush.</summary>
public ref struct HeadBuffer
{
    // Most heads fit the first piece; a field longer than a piece is written in several.
    private const int PieceBytes = 1024;

    private readonly PipeWriter _output;
    private Span<byte> _piece;
    private int _used;

    public HeadBuffer(PipeWriter output)
    {
        _output = output;
        _piece = output.GetSpan(PieceBytes);
    }

    /// <summary>Room for <paramref name="length"/> more bytes, at most 1,024, to be followed by <see cref="Advance"/>.</summary>
    public Span<byte> Room(int length)
    {
        if (_piece.Length - _used < length)
        {
            NextPiece();
        }

        return _piece[_used..];
    }

    public void Advance(int count) => _used += count;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > _piece.Length - _used)
        {
            var fits = _piece.Length - _used;
            bytes[..fits].CopyTo(_piece[_used..]);
            _used += fits;
            bytes = bytes[fits..];
            NextPiece();
        }

        bytes.CopyTo(_piece[_used..]);
        _used += bytes.Length;
    }

    /// <summary>Latin-1, the encoding in which field values keep their bytes.</summary>
    public void Write(ReadOnlySpan<char> text)
    {
        while (text.Length > _piece.Length - _used)
        {
            var fits = _piece.Length - _used;
            _used += Encoding.Latin1.GetBytes(text[..fits], _piece[_used..]);
            text = text[fits..];
            NextPiece();
        }

        _used += Encoding.Latin1.GetBytes(text, _piece[_used..]);
    }

    public void Write(long number)
    {
        _ = Utf8Formatter.TryFormat(number, Room(20), out var written);
        _used += written;
    }

    public void Field(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void Field(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void Field(ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void End()
    {
        _output.Advance(_used);
        _used = 0;
        _piece = default;
    }

    private void NextPiece()
    {
        _output.Advance(_used);
        _used = 0;
        _piece = _output.GetSpan(PieceBytes);
    }
}
