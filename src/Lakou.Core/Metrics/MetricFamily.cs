using System.Text;

namespace Lakou.Core.Metrics;

/// <summary>Metrics of one name, kind and set of label names.</summary>
public abstract class MetricFamily
{
    private protected MetricFamily(MetricDescription description) => Description = description;

    public MetricDescription Description { get; }

    internal abstract void Write(ExpositionWriter output);
}

/// <summary>
/// A family and its children. Asking again for the same label values gives the same child, so values outlive a
/// configuration that is loaded anew. Ask when a plan is made, never for each request.
/// </summary>
public sealed class MetricFamily<T> : MetricFamily
    where T : Metric
{
    /// <summary>The label value of the child that takes what is beyond the bound.</summary>
    public const string Overflow = "other";

    private readonly Lock _gate = new();
    private readonly Dictionary<string[], T> _children = new(LabelValues.Comparer);
    private readonly byte[] _name;
    private readonly int _maxChildren;
    private readonly Func<byte[], T> _create;
    private readonly Action _overflowed;
    private T[]? _ordered = [];

    internal MetricFamily(MetricDescription description, int maxChildren, Func<byte[], T> create, Action overflowed)
        : base(description)
    {
        _name = Encoding.ASCII.GetBytes(description.Name);
        _maxChildren = maxChildren;
        _create = create;
        _overflowed = overflowed;
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _children.Count;
            }
        }
    }

    /// <summary>The child of these label values, made when it is new.</summary>
    /// <param name="values">One for each label name, in their order.</param>
    /// <returns>When the family is full, the one child whose labels are all <c>other</c>.</returns>
    public T With(params ReadOnlySpan<string> values)
    {
        string[] key = Key(values);
        T? child;
        lock (_gate)
        {
            if (_children.TryGetValue(key, out child))
            {
                return child;
            }

            if (_children.Count < _maxChildren)
            {
                return Add(key);
            }

            Array.Fill(key, Overflow);
            if (!_children.TryGetValue(key, out child))
            {
                child = Add(key);
            }
        }

        _overflowed();
        return child;
    }

    /// <summary>Takes the child out of what is written; who still holds it records to nobody.</summary>
    public bool Remove(params ReadOnlySpan<string> values)
    {
        string[] key = Key(values);
        lock (_gate)
        {
            _ordered = null;
            return _children.Remove(key);
        }
    }

    internal override void Write(ExpositionWriter output)
    {
        // Outside the lock: a child may ask its source, and the source may ask this family.
        T[] children = Ordered();
        if (children.Length == 0)
        {
            return;
        }

        output.Header(_name, Description.Help, Description.Kind);
        foreach (T child in children)
        {
            child.Write(output, _name);
        }
    }

    private T[] Ordered()
    {
        lock (_gate)
        {
            return _ordered ??= [.. _children.OrderBy(pair => pair.Key, LabelValues.Order).Select(pair => pair.Value)];
        }
    }

    private T Add(string[] key)
    {
        _ordered = null;
        return _children[key] = _create(ExpositionWriter.LabelText(Description.Labels, key));
    }

    private string[] Key(ReadOnlySpan<string> values)
    {
        if (values.Length != Description.Labels.Length)
        {
            throw new ArgumentException($"{Description.Name} has {Description.Labels.Length} labels, not {values.Length}.", nameof(values));
        }

        return values.ToArray();
    }
}
