namespace FedLLM.Numerics.Kernels;

/// <summary>Chooses the compiled tile for a number of rows.</summary>
internal static unsafe class TileTable
{
    /// <summary>Returns the tile of <paramref name="rows"/> rows (1 … 12).</summary>
    public static delegate*<float*, nint, nint, float*, nint, float*, nint, nint, bool, void> Select<TLanes, TVector, TColumns>(int rows)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TColumns : struct, IConstant => rows switch
        {
            1 => &Tile.Run<TLanes, TVector, One, TColumns>,
            2 => &Tile.Run<TLanes, TVector, Two, TColumns>,
            3 => &Tile.Run<TLanes, TVector, Three, TColumns>,
            4 => &Tile.Run<TLanes, TVector, Four, TColumns>,
            5 => &Tile.Run<TLanes, TVector, Five, TColumns>,
            6 => &Tile.Run<TLanes, TVector, Six, TColumns>,
            7 => &Tile.Run<TLanes, TVector, Seven, TColumns>,
            8 => &Tile.Run<TLanes, TVector, Eight, TColumns>,
            9 => &Tile.Run<TLanes, TVector, Nine, TColumns>,
            10 => &Tile.Run<TLanes, TVector, Ten, TColumns>,
            11 => &Tile.Run<TLanes, TVector, Eleven, TColumns>,
            _ => &Tile.Run<TLanes, TVector, Twelve, TColumns>,
        };
}
