using System.Runtime.CompilerServices;

namespace FedLLM.Numerics.Kernels;

/// <summary>One thread's product: blocks of B packed into this thread's cache, panels of A against them, tile by tile (Goto and van de Geijn 2008).</summary>
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
    // A panel of A (12 x BlockK, 18 KB) stays in the first-level cache, a block of B (BlockK x BlockN, 576 KB) in the second-level one.
    private const int BlockK = 384;
    private const int BlockN = 384;

    // Panels of A packed at once where A lies column by column.
    private const int PanelGroup = 8;

    // Rows by which packing asks the cache ahead of its reads.
    private const int PrefetchDistance = 8;

    // From this many columns on, packing a panel of A costs less than its strided reads.
    private const int PackAColumns = 96;

    // Up to this many rows B is read once or twice only: in place, if its rows are contiguous.
    private const int DirectBRows = 24;

    private static int PanelWidth => 2 * TLanes.Width;

    /// <summary>Computes the whole product on this thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TA, TB>(in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        float* blockB = PackBuffers.ForThisThread((BlockK * (BlockN + (PanelGroup * Tile.MaxRows))) + (Tile.MaxRows * PanelWidth));
        float* blockA = blockB + (BlockK * BlockN);
        float* spare = blockA + (BlockK * PanelGroup * Tile.MaxRows);
        int kBlocks = (product.K + BlockK - 1) / BlockK;
        int nBlocks = (product.N + BlockN - 1) / BlockN;
        int kBlock = (product.K + kBlocks - 1) / kBlocks;
        int nBlock = RoundUp((product.N + nBlocks - 1) / nBlocks, PanelWidth);
        for (int column = 0; column < product.N; column += nBlock)
        {
            for (int from = 0; from < product.K; from += kBlock)
            {
                Product<TA, TB> block = product.Part(0, product.M, column, Math.Min(nBlock, product.N - column));
                block.K = Math.Min(kBlock, product.K - from);
                block.A += from * block.AColumn;
                block.B += from * block.BRow;
                block.Accumulate |= from > 0;
                RunBlock(block, blockB, blockA, spare);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunBlock<TA, TB>(in Product<TA, TB> block, float* blockB, float* blockA, float* spare)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        bool directB = TB.IsFloat32 && block.BColumn == 1 && block.M <= DirectBRows;
        PackB(block, directB, blockB);
        bool packA = !TA.IsFloat32 || block.N >= PackAColumns || (block.AColumn != 1 && block.ARow != 1);
        int group = block.ARow == 1 ? PanelGroup : 1;
        var panels = new RowPanels(block.M, TRows.Value);
        for (int panel = 0; panel < panels.Count; panel++)
        {
            int row = panels.Start(panel);
            if (packA)
            {
                if (panel % group == 0)
                {
                    PackA(block, panels, panel, Math.Min(panel + group, panels.Count), blockA);
                }

                float* a = blockA + (panel % group * Tile.MaxRows * (nint)block.K);
                RunPanel(block, row, panels.Rows(panel), a, 1, Tile.MaxRows, directB, blockB, spare);
            }
            else
            {
                RunPanel(block, row, panels.Rows(panel), (float*)(block.A + (row * block.ARow)), block.ARow, block.AColumn, directB, blockB, spare);
            }
        }
    }

    // One panel of A, which stays in the first-level cache, against all panels of B.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunPanel<TA, TB>(in Product<TA, TB> block, int row, int rows, float* a, nint aRow, nint aStep, bool directB, float* blockB, float* spare)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        var wide = TileTable.Select<TLanes, TVector, Two>(rows);
        for (int column = 0; column < block.N; column += PanelWidth)
        {
            int columns = Math.Min(PanelWidth, block.N - column);
            int width = WidthFor(columns);
            var tile = width == PanelWidth ? wide
                : width == TLanes.Width ? TileTable.Select<TLanes, TVector, One>(rows)
                : TileTable.Select<THalfLanes, THalfVector, One>(rows);
            float* b = blockB;
            nint bStep = width;
            if (directB && columns == width)
            {
                b = (float*)(block.B + column);
                bStep = block.BRow;
            }
            else
            {
                blockB += width * (nint)block.K;
            }

            float* c = block.C + (row * block.CRow) + (column * block.CColumn);
            if (columns == width && block.CColumn == 1)
            {
                tile(a, aRow, aStep, b, bStep, c, block.CRow, block.K, block.Accumulate);
                continue;
            }

            if (block.Accumulate)
            {
                Copy(c, block.CRow, block.CColumn, spare, width, 1, rows, columns);
            }

            tile(a, aRow, aStep, b, bStep, spare, width, block.K, block.Accumulate);
            Copy(spare, width, 1, c, block.CRow, block.CColumn, rows, columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackA<TA, TB>(in Product<TA, TB> block, RowPanels panels, int first, int end, float* to)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        nint size = Tile.MaxRows * block.K;
        if (block.ARow != 1)
        {
            for (int panel = first; panel < end; panel++, to += size)
            {
                int rows = panels.Rows(panel);
                Packing.Pack(block.A + (panels.Start(panel) * block.ARow), block.ARow, block.AColumn, rows, rows, block.K, to, Tile.MaxRows);
            }

            return;
        }

        // A lies column by column: take each column across all panels before the next, so that it is read in one run.
        for (int p = 0; p < block.K; p++, to += Tile.MaxRows)
        {
            TA* from = block.A + (p * block.AColumn);
            TA* ahead = from + (p + PrefetchDistance < block.K ? PrefetchDistance * block.AColumn : 0);
            for (int panel = first; panel < end; panel++)
            {
                Packing.Prefetch(ahead + panels.Start(panel));
                Packing.CopyRun(from + panels.Start(panel), to + ((panel - first) * size), panels.Rows(panel));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackB<TA, TB>(in Product<TA, TB> block, bool direct, float* to)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int wholePanels = block.N / PanelWidth;
        if (block.BColumn == 1 && !direct)
        {
            // Row by row across all whole panels, for the same reason.
            for (int p = 0; p < block.K; p++)
            {
                TB* from = block.B + (p * block.BRow);
                TB* ahead = from + (p + PrefetchDistance < block.K ? PrefetchDistance * block.BRow : 0);
                float* target = to + (p * (nint)PanelWidth);
                for (int panel = 0; panel < wholePanels; panel++)
                {
                    Packing.Prefetch(ahead + (panel * PanelWidth));
                    Packing.Prefetch(ahead + (panel * PanelWidth) + 16);
                    Packing.CopyRun(from + (panel * PanelWidth), target, PanelWidth);
                    target += PanelWidth * (nint)block.K;
                }
            }
        }

        for (int column = 0; column < block.N; column += PanelWidth)
        {
            int columns = Math.Min(PanelWidth, block.N - column);
            int width = WidthFor(columns);
            if (columns != width || block.BColumn != 1)
            {
                Packing.Pack(block.B + (column * block.BColumn), block.BColumn, block.BRow, columns, width, block.K, to, width);
            }
            else if (direct)
            {
                continue;
            }
            else if (width != PanelWidth)
            {
                Packing.Pack(block.B + column, 1, block.BRow, columns, width, block.K, to, width);
            }

            to += width * (nint)block.K;
        }
    }

    // The narrowest tile that holds the columns.
    private static int WidthFor(int columns) =>
        columns > TLanes.Width ? PanelWidth : columns > THalfLanes.Width ? TLanes.Width : THalfLanes.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy(float* from, nint fromRow, nint fromColumn, float* to, nint toRow, nint toColumn, int rows, int columns)
    {
        for (int i = 0; i < rows; i++)
        {
            if (fromColumn == 1 && toColumn == 1)
            {
                Packing.CopyRun((Float32Element*)from, to, columns);
            }
            else
            {
                for (int j = 0; j < columns; j++)
                {
                    to[j * toColumn] = from[j * fromColumn];
                }
            }

            from += fromRow;
            to += toRow;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
