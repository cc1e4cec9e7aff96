namespace Lakou.Log;

/// <summary>The journal cannot be opened, or can no longer be written; nothing that waited for it was promised.</summary>
public sealed class JournalException(string message, Exception? inner = null) : IOException(message, inner);
