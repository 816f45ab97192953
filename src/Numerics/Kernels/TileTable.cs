namespace FedLLM.Numerics.Kernels;

/// <summary>Chooses the compiled tile for a number of rows.</summary>
internal static unsafe class TileTable
{
    /// <summary>Returns the tile of <paramref name="rows"/> rows (1 … 12).</summary>
    public static delegate*<float*, nint, nint, float*, nint, float*, nint, nint, bool, byte*, nint, void> Select<TLanes, TVector, TColumns, TPlace>(int rows)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TColumns : struct, IConstant
        where TPlace : struct, IPlace => rows switch
        {
            1 => &Tile.Run<TLanes, TVector, One, TColumns, TPlace>,
            2 => &Tile.Run<TLanes, TVector, Two, TColumns, TPlace>,
            3 => &Tile.Run<TLanes, TVector, Three, TColumns, TPlace>,
            4 => &Tile.Run<TLanes, TVector, Four, TColumns, TPlace>,
            5 => &Tile.Run<TLanes, TVector, Five, TColumns, TPlace>,
            6 => &Tile.Run<TLanes, TVector, Six, TColumns, TPlace>,
            7 => &Tile.Run<TLanes, TVector, Seven, TColumns, TPlace>,
            8 => &Tile.Run<TLanes, TVector, Eight, TColumns, TPlace>,
            9 => &Tile.Run<TLanes, TVector, Nine, TColumns, TPlace>,
            10 => &Tile.Run<TLanes, TVector, Ten, TColumns, TPlace>,
            11 => &Tile.Run<TLanes, TVector, Eleven, TColumns, TPlace>,
            _ => &Tile.Run<TLanes, TVector, Twelve, TColumns, TPlace>,
        };
}
