namespace FedLLM.Numerics.Kernels;

/// <summary>Rows spread evenly over the fewest panels: no thin last panel whose few chains would wait for each other.</summary>
internal readonly struct RowPanels
{
    private readonly int _rows;
    private readonly int _larger;

    /// <summary>Cuts <paramref name="rows"/> rows into panels of at most <paramref name="limit"/>.</summary>
    public RowPanels(int rows, int limit)
    {
        Count = (rows + limit - 1) / limit;
        _rows = rows / Count;
        _larger = rows % Count;
    }

    /// <summary>Number of panels.</summary>
    public int Count { get; }

    /// <summary>First row of a panel.</summary>
    public int Start(int panel) => (panel * _rows) + Math.Min(panel, _larger);

    /// <summary>Rows of a panel.</summary>
    public int Rows(int panel) => panel < _larger ? _rows + 1 : _rows;
}
