namespace Lakou.Messaging.Tests.Crashes;

/// <summary>What is known from outside of lives that are over: pictures of every state that was written or may have been, and what was answered.</summary>
internal sealed class Memory
{
    private readonly Dictionary<ulong, string> _pictures = [];
    private readonly List<(string Topic, string Id, int Partition, ulong Offset)> _accepted = [];

    /// <summary>The last record that somebody was told of.</summary>
    public ulong Answered { get; set; }

    public IReadOnlyList<(string Topic, string Id, int Partition, ulong Offset)> Accepted => _accepted;

    public string? PictureAt(ulong lsn) => _pictures.GetValueOrDefault(lsn);

    public void Keep(ulong lsn, string picture) => _pictures[lsn] = picture;

    public void Accept(string topic, string id, int partition, ulong offset) => _accepted.Add((topic, id, partition, offset));

    public Memory Fork()
    {
        var fork = new Memory { Answered = Answered };
        foreach (var (lsn, picture) in _pictures)
        {
            fork.Keep(lsn, picture);
        }

        fork._accepted.AddRange(_accepted);
        return fork;
    }
}
