namespace Lakou.Log.Tests.Harness;

/// <summary>What was appended and what was told to be committed, over several lives; says what a recovery may not find.</summary>
internal sealed class History
{
    private readonly List<byte[]> _appended = [];

    /// <summary>How many records are told to be committed, or were shown by a recovery.</summary>
    public int Promised { get; private set; }

    public int Appended => _appended.Count;

    public byte[] At(ulong lsn) => _appended[(int)lsn - 1];

    public void Append(byte[] record) => _appended.Add(record);

    public void Promise(ulong lsn) => Promised = Math.Max(Promised, (int)lsn);

    /// <returns>Null when all is right: every promised record once, in order, without a hole, and behind them only what was appended.</returns>
    public string? Check(IReadOnlyList<(ulong Lsn, byte[] Payload)> found)
    {
        if (found.Count < Promised || found.Count > _appended.Count)
        {
            return $"{found.Count} records found, {Promised} promised, {_appended.Count} appended";
        }

        for (var i = 0; i < found.Count; i++)
        {
            if (found[i].Lsn != (ulong)i + 1 || !found[i].Payload.AsSpan().SequenceEqual(_appended[i]))
            {
                return $"record {i + 1} is another (LSN {found[i].Lsn})";
            }
        }

        return null;
    }

    /// <summary>What was found is there from now on; what was not was never.</summary>
    public void Accept(int found)
    {
        _appended.RemoveRange(found, _appended.Count - found);
        Promised = found;
    }
}
