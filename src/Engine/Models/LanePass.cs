using FedLLM.Engine.Training;

namespace FedLLM.Engine.Models;

/// <summary>One lane's part in a pass: which rows are its own, and with which adapter and dropout they run.</summary>
/// <param name="Rows">The lane's rows in the packed batch.</param>
/// <param name="Adapter">The lane's adapter, or null for the base model.</param>
/// <param name="Dropout">Dropout on the adapter's inputs, or null.</param>
/// <param name="Gradient">Where the adapter's gradient is added, laid out as its parameters; null where nothing trains.</param>
/// <param name="Trained">The factors whose gradient is computed.</param>
internal readonly record struct LanePass(
    LaneRows Rows, LoraAdapter? Adapter, DropoutStream? Dropout = null, float[]? Gradient = null, LoraHalves Trained = LoraHalves.Both);

/// <summary>All lanes of one pass. A pass without an adapter has no lanes. Reused from pass to pass.</summary>
internal sealed class LaneSet
{
    private LanePass[] _lanes = [];

    /// <summary>Number of lanes.</summary>
    public int Count { get; private set; }

    /// <summary>Largest rank of any adapter, at least 1: the row length of what passes keep of A·x.</summary>
    public int MaxRank { get; private set; } = 1;

    /// <summary>The lowest decoder layer that carries an adapter; <see cref="int.MaxValue"/> where none does.</summary>
    public int LowestLayer { get; private set; } = int.MaxValue;

    /// <summary>One lane.</summary>
    public ref readonly LanePass this[int lane] => ref _lanes[lane];

    /// <summary>Removes all lanes.</summary>
    public void Clear()
    {
        Array.Clear(_lanes, 0, Count);
        (Count, MaxRank, LowestLayer) = (0, 1, int.MaxValue);
    }

    /// <summary>Adds a lane; one without an adapter is nothing to a pass and is left out.</summary>
    public void Add(in LanePass lane)
    {
        if (lane.Adapter is not { } adapter)
        {
            return;
        }

        if (Count == _lanes.Length)
        {
            Array.Resize(ref _lanes, Math.Max(4, 2 * Count));
        }

        _lanes[Count++] = lane;
        MaxRank = Math.Max(MaxRank, adapter.MaxRank);
        LowestLayer = Math.Min(LowestLayer, adapter.LowestLayer);
    }

    /// <summary>Whether any lane adapts any of these linear layers of a decoder layer.</summary>
    public bool Adapts(int layer, params ReadOnlySpan<LinearKind> kinds)
    {
        for (int lane = 0; lane < Count; lane++)
        {
            foreach (LinearKind kind in kinds)
            {
                if (_lanes[lane].Adapter!.Slot(layer, kind) is not null)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
