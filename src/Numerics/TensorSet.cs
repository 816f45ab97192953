namespace FedLLM.Numerics;

/// <summary>
/// A layout together with its values: the unit that moves between the learner, the federation and files
/// (an adapter, a client's delta, a server moment).
/// </summary>
public sealed class TensorSet
{
    /// <summary>Makes a set of zeros.</summary>
    public TensorSet(TensorLayout layout)
        : this(layout, new float[(layout ?? throw new ArgumentNullException(nameof(layout))).Count])
    {
    }

    /// <summary>Wraps <paramref name="values"/> (not copied) in <paramref name="layout"/>.</summary>
    /// <exception cref="ArgumentException">The number of values is not the layout's element count.</exception>
    public TensorSet(TensorLayout layout, float[] values)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length != layout.Count)
        {
            throw new ArgumentException($"The layout holds {layout.Count} elements, but {values.Length} values were given.", nameof(values));
        }

        Layout = layout;
        Values = values;
    }

    /// <summary>Names, shapes and offsets.</summary>
    public TensorLayout Layout { get; }

    /// <summary>All elements, tensor after tensor in the layout's order.</summary>
    public float[] Values { get; }

    /// <summary>The elements of one tensor, row-major.</summary>
    public Span<float> this[TensorSlot slot] => Values.AsSpan(slot.Offset, slot.Count);

    /// <summary>The elements of the named tensor, row-major.</summary>
    /// <exception cref="KeyNotFoundException">The layout has no tensor of that name.</exception>
    public Span<float> this[string name] => this[Layout[name]];

    /// <summary>Copies layout reference and values.</summary>
    public TensorSet Clone() => new(Layout, (float[])Values.Clone());
}
