namespace Lakou.Core.Events;

/// <summary>The bytes of a request's body and of its answer's, counted by whoever moves them.</summary>
public interface IByteCounts
{
    long BytesIn { get; set; }

    long BytesOut { get; set; }
}
