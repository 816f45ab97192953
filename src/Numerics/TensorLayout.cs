namespace FedLLM.Numerics;

/// <summary>One named tensor's place in a flat float32 buffer.</summary>
/// <param name="Name">The tensor's name, unique in its layout.</param>
/// <param name="Shape">Dimensions, outermost first, row-major.</param>
/// <param name="Offset">Index of its first element in the flat buffer.</param>
/// <param name="Count">Number of elements: the product of <paramref name="Shape"/>.</param>
public sealed record TensorSlot(string Name, IReadOnlyList<int> Shape, int Offset, int Count);

/// <summary>
/// Names, shapes and offsets of the tensors that share one flat float32 buffer, in ordinal order of their names.
/// Two layouts are equal when they hold the same names and shapes.
/// </summary>
public sealed class TensorLayout : IEquatable<TensorLayout>
{
    private readonly Dictionary<string, int> _index;

    /// <summary>Lays the named shapes out one after another, ordered by name (ordinal).</summary>
    /// <exception cref="ArgumentException">A name occurs twice, a dimension is not positive, or the total exceeds 2^31 - 1 elements.</exception>
    public TensorLayout(IEnumerable<(string Name, IReadOnlyList<int> Shape)> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var slots = new List<TensorSlot>();
        _index = new Dictionary<string, int>(StringComparer.Ordinal);
        long offset = 0;
        foreach (var (name, shape) in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            long count = 1;
            foreach (int dimension in shape)
            {
                if (dimension <= 0)
                {
                    throw new ArgumentException($"Tensor '{name}' has the dimension {dimension}; every dimension must be positive.", nameof(tensors));
                }

                count = checked(count * dimension);
            }

            if (offset + count > int.MaxValue)
            {
                throw new ArgumentException($"The tensors up to '{name}' hold {offset + count} elements; one buffer holds at most {int.MaxValue}.", nameof(tensors));
            }

            if (!_index.TryAdd(name, slots.Count))
            {
                throw new ArgumentException($"Tensor '{name}' is named twice.", nameof(tensors));
            }

            slots.Add(new TensorSlot(name, [.. shape], (int)offset, (int)count));
            offset += count;
        }

        Slots = slots;
        Count = (int)offset;
    }

    /// <summary>The tensors in ordinal order of their names.</summary>
    public IReadOnlyList<TensorSlot> Slots { get; }

    /// <summary>Total number of elements of all tensors.</summary>
    public int Count { get; }

    /// <summary>Returns the slot of the named tensor.</summary>
    /// <exception cref="KeyNotFoundException">The layout has no tensor of that name.</exception>
    public TensorSlot this[string name] => TryGet(name, out TensorSlot? slot)
        ? slot
        : throw new KeyNotFoundException($"The layout has no tensor '{name}'.");

    /// <summary>Finds the slot of the named tensor.</summary>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TensorSlot? slot)
    {
        bool found = _index.TryGetValue(name, out int i);
        slot = found ? Slots[i] : null;
        return found;
    }

    /// <inheritdoc/>
    public bool Equals(TensorLayout? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is null || other.Slots.Count != Slots.Count || other.Count != Count)
        {
            return false;
        }

        for (int i = 0; i < Slots.Count; i++)
        {
            if (Slots[i].Name != other.Slots[i].Name || !Slots[i].Shape.SequenceEqual(other.Slots[i].Shape))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TensorLayout);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Slots.Count, Count);
}
