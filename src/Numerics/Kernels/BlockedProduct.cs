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
    // A panel of A (12 x BlockK) stays in the first-level cache, a block of B (BlockK x BlockN) in the second-level one.
    private const int BlockK = 384;
    private const int BlockN = 384;

    // From this many columns on, packing a panel of A costs less than its strided reads.
    private const int PackAColumns = 96;

    // Up to this many rows B is read once or twice only: in place, if its rows are contiguous.
    private const int DirectBRows = 24;

    private static int PanelWidth => 2 * TLanes.Width;

    /// <summary>Computes the whole product on this thread.</summary>
    public static void Run(in Product product)
    {
        float* blockB = PackBuffers.ForThisThread(BlockK * (BlockN + Tile.MaxRows) + (Tile.MaxRows * 32));
        float* panelA = blockB + (BlockK * BlockN);
        float* spare = panelA + (BlockK * Tile.MaxRows);
        int kBlocks = (product.K + BlockK - 1) / BlockK;
        int nBlocks = (product.N + BlockN - 1) / BlockN;
        int nBlock = RoundUp((product.N + nBlocks - 1) / nBlocks, PanelWidth);
        int kBlock = (product.K + kBlocks - 1) / kBlocks;
        for (int column = 0; column < product.N; column += nBlock)
        {
            Product part = product.Part(0, product.M, column, Math.Min(nBlock, product.N - column));
            for (int from = 0; from < product.K; from += kBlock)
            {
                Product step = part;
                step.K = Math.Min(kBlock, product.K - from);
                step.A += from * step.AColumn;
                step.B += from * step.BRow;
                step.Accumulate |= from > 0;
                RunBlock(step, blockB, panelA, spare);
            }
        }
    }

    private static void RunBlock(in Product block, float* blockB, float* panelA, float* spare)
    {
        bool directB = block.BColumn == 1 && block.M <= DirectBRows;
        PackB(block, directB, blockB);
        bool packA = block.N >= PackAColumns || (block.AColumn != 1 && block.ARow != 1);
        int panels = (block.M + TRows.Value - 1) / TRows.Value;
        int row = 0;
        for (int panel = 0; panel < panels; panel++)
        {
            // Rows spread evenly over the panels: no thin last panel whose few chains would wait for each other.
            int rows = (block.M - row + (panels - panel) - 1) / (panels - panel);
            float* a = block.A + (row * block.ARow);
            nint aRow = block.ARow;
            nint aStep = block.AColumn;
            if (packA)
            {
                Packing.Pack(a, aRow, aStep, rows, rows, block.K, panelA, Tile.MaxRows);
                a = panelA;
                aRow = 1;
                aStep = Tile.MaxRows;
            }

            RunPanel(block, row, rows, a, aRow, aStep, directB, blockB, spare);
            row += rows;
        }
    }

    private static void RunPanel(in Product block, int row, int rows, float* a, nint aRow, nint aStep, bool directB, float* blockB, float* spare)
    {
        var two = TileTable.Select<TLanes, TVector, Two>(rows);
        float* packed = blockB;
        for (int column = 0; column < block.N;)
        {
            int columns = Math.Min(PanelWidth, block.N - column);
            int width = WidthFor(columns);
            var tile = width == PanelWidth
                ? two
                : width == TLanes.Width ? TileTable.Select<TLanes, TVector, One>(rows) : TileTable.Select<THalfLanes, THalfVector, One>(rows);
            float* b = packed;
            nint bStep = width;
            if (directB && columns == width)
            {
                b = block.B + column;
                bStep = block.BRow;
            }
            else
            {
                packed += width * block.K;
            }

            float* c = block.C + (row * block.CRow) + (column * block.CColumn);
            if (columns == width && block.CColumn == 1)
            {
                tile(a, aRow, aStep, b, bStep, c, block.CRow, block.K, block.Accumulate);
            }
            else
            {
                if (block.Accumulate)
                {
                    Copy(c, block.CRow, block.CColumn, spare, width, 1, rows, columns);
                }

                tile(a, aRow, aStep, b, bStep, spare, width, block.K, block.Accumulate);
                Copy(spare, width, 1, c, block.CRow, block.CColumn, rows, columns);
            }

            column += columns;
        }
    }

    private static void PackB(in Product block, bool direct, float* to)
    {
        for (int column = 0; column < block.N; column += PanelWidth)
        {
            int columns = Math.Min(PanelWidth, block.N - column);
            int width = WidthFor(columns);
            if (!direct || columns != width)
            {
                Packing.Pack(block.B + (column * block.BColumn), block.BColumn, block.BRow, columns, width, block.K, to, width);
                to += width * block.K;
            }
        }
    }

    // The narrowest tile that holds the columns.
    private static int WidthFor(int columns) =>
        columns > TLanes.Width ? PanelWidth : columns > THalfLanes.Width ? TLanes.Width : THalfLanes.Width;

    private static void Copy(float* from, nint fromRow, nint fromColumn, float* to, nint toRow, nint toColumn, int rows, int columns)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                to[(i * toRow) + (j * toColumn)] = from[(i * fromRow) + (j * fromColumn)];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
