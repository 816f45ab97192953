using System.Runtime.CompilerServices;

namespace FedLLM.Numerics.Kernels;

/// <summary>Panels of B: so many columns side by side as a tile of two vectors holds, the last as narrow as its columns allow.</summary>
internal static unsafe class Panels<TLanes, TVector, THalfLanes, THalfVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
    where THalfLanes : struct, ILanes<THalfVector>
    where THalfVector : struct
{
    /// <summary>Columns of a whole panel.</summary>
    public static int Width => 2 * TLanes.Width;

    /// <summary>The narrowest tile that holds the columns.</summary>
    public static int WidthFor(int columns) => columns > TLanes.Width ? Width : columns > THalfLanes.Width ? TLanes.Width : THalfLanes.Width;

    /// <summary>Columns with those that fill up the last panel.</summary>
    public static int Padded(int n) => (n / Width * Width) + (n % Width == 0 ? 0 : WidthFor(n % Width));

    /// <summary>Packs a panel of B, whatever its layout.</summary>
    /// <param name="part">The product whose B it is.</param>
    /// <param name="column">The panel's first column.</param>
    /// <param name="to">The panel, k by k, with the padding of <see cref="WidthFor"/>.</param>
    public static void Pack<TA, TB>(in Product<TA, TB> part, int column, float* to)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int columns = Math.Min(Width, part.N - column);
        int padded = WidthFor(columns);
        Packing.Pack(part.B + (column * part.BColumn), part.BColumn, part.BRow, columns, padded, part.K, to, padded);
    }

    /// <summary>Packs some k of all panels of a B whose rows are contiguous, so that its reads run on.</summary>
    /// <param name="part">The product whose B it is.</param>
    /// <param name="from">The first k.</param>
    /// <param name="end">The k after the last.</param>
    /// <param name="to">The panels: that of a column begins at column·K.</param>
    /// <param name="lastAlone">Whether only a last panel that is not whole is packed.</param>
    public static void PackAlong<TA, TB>(in Product<TA, TB> part, int from, int end, float* to, bool lastAlone = false)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        TB* source = part.B + (from * part.BRow);
        int whole = part.N / Width * Width;
        int rest = part.N - whole;
        if (!lastAlone)
        {
            Packing.PackRuns(source, part.BRow, end - from, whole / Width, Width, to + (from * Width), Width * (nint)part.K);
        }

        if (rest > 0)
        {
            int padded = WidthFor(rest);
            Packing.Pack(source + whole, 1, part.BRow, rest, padded, end - from, to + (whole * (nint)part.K) + (from * padded), padded);
        }
    }

    /// <summary>Multiplies a panel of rows of A with a panel of B.</summary>
    /// <param name="part">The product: its C, K and whether it accumulates.</param>
    /// <param name="row">First row.</param>
    /// <param name="rows">Rows, at most <see cref="Tile.MaxRows"/>.</param>
    /// <param name="a">The first row's first element.</param>
    /// <param name="aRow">Distance of two rows of A.</param>
    /// <param name="aStep">Distance of two k in A.</param>
    /// <param name="column">First column.</param>
    /// <param name="columns">Columns, at most <see cref="Width"/>.</param>
    /// <param name="b">The panel of B, with the padding of <see cref="WidthFor"/>.</param>
    /// <param name="bStep">Distance of two k in B.</param>
    /// <param name="packed">Whether both operands are packed.</param>
    /// <param name="spare">Room for a tile of C.</param>
    /// <param name="ahead">What the tile asks the cache for meanwhile, so many bytes at each k.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TA, TB>(
        in Product<TA, TB> part, int row, int rows, float* a, nint aRow, nint aStep, int column, int columns, float* b, nint bStep, bool packed, float* spare, Ahead ahead)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int width = WidthFor(columns);
        var tile = width == TLanes.Width ? TileTable.Select<TLanes, TVector, One, InPlace>(rows)
            : width < TLanes.Width ? TileTable.Select<THalfLanes, THalfVector, One, InPlace>(rows)
            : packed ? TileTable.Select<TLanes, TVector, Two, Packed>(rows)
            : TileTable.Select<TLanes, TVector, Two, InPlace>(rows);
        if (part.PackedC)
        {
            tile(a, aRow, aStep, b, bStep, part.C + (column * part.CColumn) + (row * width), width, part.K, part.Accumulate, ahead.From, ahead.Step);
            return;
        }

        float* c = part.C + (row * part.CRow) + (column * part.CColumn);
        if (columns == width && part.CColumn == 1)
        {
            tile(a, aRow, aStep, b, bStep, c, part.CRow, part.K, part.Accumulate, ahead.From, ahead.Step);
            return;
        }

        if (part.Accumulate)
        {
            Packing.Copy(c, part.CRow, part.CColumn, spare, width, 1, rows, columns);
        }

        tile(a, aRow, aStep, b, bStep, spare, width, part.K, part.Accumulate, ahead.From, ahead.Step);
        Packing.Copy(spare, width, 1, c, part.CRow, part.CColumn, rows, columns);
    }
}
