using System.Runtime.CompilerServices;

namespace FedLLM.Numerics.Kernels;

/// <summary>
/// The product by blocks (Goto and van de Geijn 2008): the team packs a block of B together, each element once, and then shares the rows;
/// each thread packs its rows of A in small groups, which its cache still holds when their tiles run.
/// </summary>
/// <typeparam name="TLanes">The widest vectors of this machine.</typeparam>
/// <typeparam name="TVector">Their type.</typeparam>
/// <typeparam name="THalfLanes">The next narrower vectors, for matrices of few columns.</typeparam>
/// <typeparam name="THalfVector">Their type.</typeparam>
/// <typeparam name="TRows">The most rows whose tile of two vectors stays in registers.</typeparam>
internal static unsafe class BlockedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
    where THalfLanes : struct, ILanes<THalfVector>
    where THalfVector : struct
    where TRows : struct, IConstant
{
    // The packed blocks (at most 2.3 MB each) stay in the last-level cache.
    private const int BlockK = Gemm.BlockK;
    private const int BlockM = 1536;
    private const int BlockN = 1536;

    // A group of panels of A (147 KB) and so many columns of B (576 KB) stay in the second-level cache.
    private const int GroupPanels = 8;
    private const int CachedColumns = 384;

    // From this many columns on, packing a panel of an A whose k steps over whole rows costs less than its strided reads.
    private const int PackAColumns = 96;

    // Up to this many rows B is read once or twice only: in place, if its rows are contiguous.
    private const int DirectBRows = 24;

    private static int PanelWidth => Panels<TLanes, TVector, THalfLanes, THalfVector>.Width;

    /// <summary>Elements of a packed B of <paramref name="n"/> columns, for <see cref="PackAll"/>.</summary>
    public static long PackedLength(int n, int k) => Panels<TLanes, TVector, THalfLanes, THalfVector>.Padded(n) * (long)k;

    /// <summary>Packs all of B, block after block of k, as <see cref="Run"/> packs it for itself.</summary>
    public static void PackAll<TB>(int n, int k, TB* b, nint bRow, nint bColumn, float* to)
        where TB : unmanaged, IElement<TB>
    {
        int kBlock = Packing.Cut(k, BlockK, 1);
        for (int from = 0; from < k; from += kBlock)
        {
            int count = Math.Min(kBlock, k - from);
            var part = new Product<Float32Element, TB> { N = n, K = count, B = b + (from * bRow), BRow = bRow, BColumn = bColumn };
            new PackWork<Float32Element, TB>(new Block<Float32Element, TB>(part, default, Place.InPlace, null, to, directB: false), false, 1).Execute(0, 0);
            to += Panels<TLanes, TVector, THalfLanes, THalfVector>.Padded(n) * (nint)count;
        }
    }

    /// <summary>Computes the whole product, with the team or, where it is null, on the calling thread.</summary>
    /// <param name="workers">The team.</param>
    /// <param name="product">The product.</param>
    /// <param name="readyB">B as <see cref="PackAll"/> leaves it, or null.</param>
    /// <param name="next">What is read after the product: the caches are asked for it meanwhile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TA, TB>(Workers? workers, in Product<TA, TB> product, float* readyB = null, Region next = default)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int kBlock = Packing.Cut(product.K, BlockK, 1);
        int mBlock = Packing.Cut(product.M, BlockM, TRows.Value);
        int nBlock = Packing.Cut(product.N, BlockN, PanelWidth);
        Place placeA = PlaceOf(product, readyB is not null);
        var panels = new RowPanels(mBlock, TRows.Value);
        int lengthA = placeA == Place.Block ? panels.Count * Tile.MaxRows * kBlock : 0;
        int lengthB = readyB is null ? nBlock * kBlock : 0;
        float* packedB = PackBuffers.ForBlocks(lengthB + lengthA);
        float* packedA = packedB + lengthB;
        int threads = workers?.Count ?? 1;
        for (int row = 0; row < product.M; row += mBlock)
        {
            for (int from = 0; from < product.K; from += kBlock)
            {
                for (int column = 0; column < product.N; column += nBlock)
                {
                    Product<TA, TB> part = product.Part(row, Math.Min(mBlock, product.M - row), column, Math.Min(nBlock, product.N - column));
                    part.K = Math.Min(kBlock, product.K - from);
                    part.A += from * part.AColumn;
                    part.B += from * part.BRow;
                    part.Accumulate |= from > 0;
                    bool last = row + mBlock >= product.M && from + kBlock >= product.K && column + nBlock >= product.N;
                    bool directB = readyB is null && TB.IsFloat32 && part.BColumn == 1 && part.M <= DirectBRows;
                    float* blockB = readyB is null ? packedB : readyB + (from * (nint)Panels<TLanes, TVector, THalfLanes, THalfVector>.Padded(product.N)) + (column * (nint)part.K);
                    var block = new Block<TA, TB>(part, new RowPanels(part.M, TRows.Value), placeA, packedA, blockB, directB, last ? next : default);
                    var packing = new PackWork<TA, TB>(block, column == 0, threads, packsB: readyB is null);
                    Team.Run(workers, packing.Count, packing);
                    var grid = TaskGrid.For(part.M, part.N, part.K, block.Panels.Count, PanelWidth, threads);
                    Team.Run(workers, grid.Count, new TileWork<TA, TB>(block, grid));
                }
            }
        }
    }

    // Where the tiles read A: where it lies, in a block packed before, or in a group of panels that each thread packs for itself.
    // Rows of float32 that are contiguous in k lie well as they are, those of bfloat16 are widened by groups; where k steps over whole rows of memory, only the
    // whole block is read in long runs.
    private enum Place
    {
        InPlace,
        Block,
        Group,
    }

    // Beside a packed B, an A whose k steps over whole rows is a weight that is read a second time, out of the cache: each panel is packed just before its tiles.
    private static Place PlaceOf<TA, TB>(in Product<TA, TB> product, bool hasReadyB)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        bool liesWell = product.AColumn == 1 || (product.ARow == 1 && product.N < PackAColumns);
        return TA.IsFloat32 && liesWell ? Place.InPlace
            : product.ARow == 1 && !hasReadyB ? Place.Block
            : Place.Group;
    }

    // A part of the product with its packed operands. A panel of B that begins at a column lies at packedB + column·K, one of A at packedA + panel·MaxRows·K.
    private readonly struct Block<TA, TB>(in Product<TA, TB> part, RowPanels panels, Place placeA, float* packedA, float* packedB, bool directB, Region next = default)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        public readonly Product<TA, TB> Part = part;
        public readonly RowPanels Panels = panels;
        public readonly Place PlaceA = placeA;
        public readonly float* PackedA = packedA;
        public readonly float* PackedB = packedB;
        public readonly bool DirectB = directB;
        public readonly Region Next = next;
    }

    // The packing of a block. An operand that is contiguous along its lines is cut in k, so that its reads run on; the other is cut in lines.
    private readonly struct PackWork<TA, TB> : IParallelWork
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        private readonly Block<TA, TB> _block;
        private readonly int _tasksA;
        private readonly int _tasksB;

        public PackWork(in Block<TA, TB> block, bool firstColumns, int threads, bool packsB = true)
        {
            _block = block;
            Product<TA, TB> part = block.Part;
            _tasksA = firstColumns && block.PlaceA == Place.Block ? Packing.Tasks(part.K, (long)part.M * part.K, threads) : 0;
            int columns = !packsB ? 0 : block.DirectB ? part.N % PanelWidth : part.N;
            int panels = (columns + PanelWidth - 1) / PanelWidth;
            _tasksB = columns == 0 ? 0 : Packing.Tasks(part.BColumn == 1 ? part.K : panels, (long)columns * part.K, threads);
        }

        public int Count => _tasksA + _tasksB;

        public void Execute(int task, int worker)
        {
            if (task < _tasksB)
            {
                PackB(task);
            }
            else
            {
                PackA(task - _tasksB);
            }
        }

        private void PackA(int task)
        {
            Product<TA, TB> part = _block.Part;
            var (from, end) = Packing.Range(part.K, _tasksA, task);
            Packing.PackRuns(part.A + (from * part.AColumn), part.AColumn, end - from, _block.Panels, _block.PackedA + (from * Tile.MaxRows), Tile.MaxRows * (nint)part.K);
        }

        private void PackB(int task)
        {
            Product<TA, TB> part = _block.Part;
            if (part.BColumn == 1)
            {
                var (from, end) = Packing.Range(part.K, _tasksB, task);
                Panels<TLanes, TVector, THalfLanes, THalfVector>.PackAlong(part, from, end, _block.PackedB, lastAlone: _block.DirectB);
                return;
            }

            var (first, last) = Packing.Range((part.N + PanelWidth - 1) / PanelWidth, _tasksB, task);
            for (int column = first * PanelWidth; column < Math.Min(last * PanelWidth, part.N); column += PanelWidth)
            {
                Panels<TLanes, TVector, THalfLanes, THalfVector>.Pack(part, column, _block.PackedB + (column * (nint)part.K));
            }
        }
    }

    // The tiles of a block.
    private readonly struct TileWork<TA, TB>(in Block<TA, TB> block, TaskGrid grid) : IParallelWork
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        private readonly Block<TA, TB> _block = block;
        private readonly TaskGrid _grid = grid;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Execute(int task, int worker)
        {
            var (firstPanel, lastPanel, firstColumn, lastColumn) = _grid.Part(task, _block.Panels.Count, _block.Part.N);
            bool grouped = _block.PlaceA == Place.Group;
            int groupPanels = !grouped ? lastPanel - firstPanel : _block.Part.ARow == 1 ? 1 : GroupPanels;
            float* group = grouped ? PackBuffers.ForGroups(GroupPanels * Tile.MaxRows * BlockK) : _block.PackedA;
            for (int first = firstPanel; first < lastPanel; first += groupPanels)
            {
                int last = Math.Min(first + groupPanels, lastPanel);
                if (grouped)
                {
                    PackGroup(first, last, group);
                }

                for (int column = firstColumn; column < lastColumn; column += CachedColumns)
                {
                    int end = Math.Min(column + CachedColumns, lastColumn);
                    for (int panel = first; panel < last; panel++)
                    {
                        RunPanel(panel, group + ((grouped ? panel - first : panel) * Tile.MaxRows * (nint)_block.Part.K), column, end, nextPanel: !grouped && column == firstColumn && panel + 1 < _block.Panels.Count);
                    }
                }
            }
        }

        private void PackGroup(int first, int last, float* to)
        {
            Product<TA, TB> part = _block.Part;
            for (int panel = first; panel < last; panel++)
            {
                int rows = _block.Panels.Rows(panel);
                Packing.Pack(part.A + (_block.Panels.Start(panel) * part.ARow), part.ARow, part.AColumn, rows, rows, part.K, to, Tile.MaxRows);
                to += Tile.MaxRows * (nint)part.K;
            }
        }

        // One panel of A, which stays in the first-level cache, against panels of B.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        private void RunPanel(int panel, float* a, int column, int end, bool nextPanel)
        {
            Product<TA, TB> part = _block.Part;
            int row = _block.Panels.Start(panel);
            int rows = _block.Panels.Rows(panel);
            bool packedA = _block.PlaceA != Place.InPlace;
            nint aRow = 1;
            nint aStep = Tile.MaxRows;
            if (!packedA)
            {
                a = (float*)(part.A + (row * part.ARow));
                aRow = part.ARow;
                aStep = part.AColumn;
            }

            bool packed = packedA && !_block.DirectB;
            float* spare = stackalloc float[Tile.MaxRows * PanelWidth];

            AheadPlan ahead = PlanAhead(panel, column, end, nextPanel);
            for (; column < end; column += PanelWidth)
            {
                int columns = Math.Min(PanelWidth, end - column);
                int width = Panels<TLanes, TVector, THalfLanes, THalfVector>.WidthFor(columns);
                bool direct = _block.DirectB && columns == PanelWidth;
                float* b = direct ? (float*)(part.B + column) : _block.PackedB + (column * (nint)part.K);
                Panels<TLanes, TVector, THalfLanes, THalfVector>.Multiply(part, row, rows, a, aRow, aStep, column, columns, b, direct ? part.BRow : width, packed, spare, ahead.Next(b));
            }
        }

        // What the next panel reads and writes, and a share of what follows the product: where they come from memory, tiles would wait for them.
        private AheadPlan PlanAhead(int panel, int column, int end, bool nextPanel)
        {
            Product<TA, TB> part = _block.Part;
            Region a = default;
            Region c = default;
            if (nextPanel)
            {
                // In the last panel of a task this is the next task's, which falls to the same thread.
                nint row = _block.Panels.Start(panel + 1);
                nint rows = _block.Panels.Rows(panel + 1);
                a = Follows(part.AColumn, part.ARow, part.K) ? new Region(part.A + (row * part.ARow), rows * part.ARow * sizeof(TA)) : default;
                c = Follows(part.CColumn, part.CRow, part.N) ? new Region(part.C + (row * part.CRow), rows * part.CRow * sizeof(float)) : default;
            }

            nint at = panel * (nint)part.N;
            Region next = _block.Next.Share(at + column, at + end, _block.Panels.Count * (nint)part.N);
            return new AheadPlan(a, c, next, (end - column + PanelWidth - 1) / PanelWidth, part.K);
        }

        // Whether rows follow each other in memory closely enough to be asked for in one run.
        private static bool Follows(nint columnDistance, nint rowDistance, int columns) => columnDistance == 1 && rowDistance > 0 && rowDistance <= 2 * columns;
    }
}
