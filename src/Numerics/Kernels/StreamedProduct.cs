using System.Runtime.CompilerServices;

namespace FedLLM.Numerics.Kernels;

/// <summary>
/// The product of few rows with a large B, as of a short batch with the weights of a large model: A is packed once and stays in the second-level cache;
/// each thread packs its panels of B just before all rows of A run over them, so that packed elements never leave the cache.
/// </summary>
internal static unsafe class StreamedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
    where THalfLanes : struct, ILanes<THalfVector>
    where THalfVector : struct
    where TRows : struct, IConstant
{
    private const int BlockK = 384;

    // The most rows: a block of A of 384 KB.
    private const int MaxRows = 256;

    // Elements of B below which a block of it is packed whole as quickly.
    private const long SmallestB = 512 * 1024;

    // Columns that a thread packs together where B is contiguous along them, so that its reads run on: 384 KB.
    private const int StripPanels = 8;

    private static int PanelWidth => Panels<TLanes, TVector, THalfLanes, THalfVector>.Width;

    /// <summary>Whether this way is made for the product's shape.</summary>
    public static bool Fits<TA, TB>(in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB> =>
        product.M <= MaxRows && product.M > TRows.Value && (long)product.N * product.K >= SmallestB && product.N >= 2 * StripPanels * PanelWidth
        && (product.BRow == 1 || product.BColumn == 1);

    /// <summary>Computes the whole product, with the team or, where it is null, on the calling thread.</summary>
    public static void Run<TA, TB>(Workers? workers, in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int kBlock = Packing.Cut(product.K, BlockK, 1);
        var rows = new RowPanels(product.M, TRows.Value);
        float* packedA = PackBuffers.ForBlocks(rows.Count * Tile.MaxRows * kBlock);
        int threads = workers?.Count ?? 1;
        for (int from = 0; from < product.K; from += kBlock)
        {
            Product<TA, TB> part = product;
            part.K = Math.Min(kBlock, product.K - from);
            part.A += from * part.AColumn;
            part.B += from * part.BRow;
            part.Accumulate |= from > 0;
            var packing = new PackWork<TA, TB>(part, rows, packedA, threads);
            Team.Run(workers, packing.Tasks, packing);
            var tiles = new TileWork<TA, TB>(part, rows, packedA, threads);
            Team.Run(workers, tiles.Tasks, tiles);
        }
    }

    private readonly struct PackWork<TA, TB>(in Product<TA, TB> part, RowPanels rows, float* packedA, int threads) : IParallelWork
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        private readonly Product<TA, TB> _part = part;

        public int Tasks { get; } = Packing.Tasks(part.ARow == 1 ? part.K : rows.Count, (long)part.M * part.K, threads);

        public void Execute(int task, int worker)
        {
            if (_part.ARow == 1)
            {
                var (from, end) = Packing.Range(_part.K, Tasks, task);
                Packing.PackRuns(_part.A + (from * _part.AColumn), _part.AColumn, end - from, rows, packedA + (from * Tile.MaxRows), Tile.MaxRows * (nint)_part.K);
                return;
            }

            var (first, last) = Packing.Range(rows.Count, Tasks, task);
            for (int panel = first; panel < last; panel++)
            {
                int count = rows.Rows(panel);
                float* to = packedA + (panel * Tile.MaxRows * (nint)_part.K);
                Packing.Pack(_part.A + (rows.Start(panel) * _part.ARow), _part.ARow, _part.AColumn, count, count, _part.K, to, Tile.MaxRows);
            }
        }
    }

    // A task is a range of strips of columns.
    private readonly struct TileWork<TA, TB>(in Product<TA, TB> part, RowPanels rows, float* packedA, int threads) : IParallelWork
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        private const int TasksPerThread = 8;

        private readonly Product<TA, TB> _part = part;
        private readonly int _strip = PanelWidth * (part.BColumn == 1 ? StripPanels : 1);

        public int Tasks { get; } = threads == 1 ? 1 : Math.Min(TasksPerThread * threads, (part.N + (PanelWidth * StripPanels) - 1) / (PanelWidth * StripPanels));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        public void Execute(int task, int worker)
        {
            float* spare = stackalloc float[Tile.MaxRows * PanelWidth];
            float* packedB = PackBuffers.ForGroups(StripPanels * PanelWidth * BlockK);
            var (first, last) = Packing.Range((_part.N + _strip - 1) / _strip, Tasks, task);
            for (int column = first * _strip; column < Math.Min(last * _strip, _part.N); column += _strip)
            {
                int columns = Math.Min(_strip, _part.N - column);
                Pack(column, columns, packedB);
                for (int at = 0; at < columns; at += PanelWidth)
                {
                    RunPanel(column + at, Math.Min(PanelWidth, columns - at), packedB + (at * (nint)_part.K), spare, (at / PanelWidth * rows.Count, _strip / PanelWidth * rows.Count));
                }
            }
        }

        private void Pack(int column, int columns, float* to)
        {
            if (_part.BColumn == 1)
            {
                Panels<TLanes, TVector, THalfLanes, THalfVector>.PackAlong(_part.Part(0, _part.M, column, columns), 0, _part.K, to);
            }
            else
            {
                Panels<TLanes, TVector, THalfLanes, THalfVector>.Pack(_part, column, to);
            }
        }

        private void RunPanel(int column, int columns, float* b, float* spare, (int Done, int Of) tiles)
        {
            int width = Panels<TLanes, TVector, THalfLanes, THalfVector>.WidthFor(columns);
            int next = (column / _strip * _strip) + _strip;
            for (int panel = 0; panel < rows.Count; panel++)
            {
                FetchAhead(next, tiles.Done + panel, tiles.Of);
                Panels<TLanes, TVector, THalfLanes, THalfVector>.Multiply(
                    _part, rows.Start(panel), rows.Rows(panel), packedA + (panel * Tile.MaxRows * (nint)_part.K), 1, Tile.MaxRows, column, columns, b, width, true, spare, Ahead.Nothing(b));
            }
        }

        // Asks for a share of the next strip while this one is multiplied, so that its packing does not wait for memory.
        private void FetchAhead(int column, int tile, int tiles)
        {
            int columns = Math.Min(_strip, _part.N - column);
            if (columns <= 0)
            {
                return;
            }

            bool along = _part.BColumn == 1;
            nint distance = along ? _part.BRow : _part.BColumn;
            var (first, last) = Packing.Range(along ? _part.K : columns, tiles, tile);
            Prefetch.Lines(_part.B + (column * _part.BColumn), distance, first, last, along ? columns : _part.K);
        }
    }
}
