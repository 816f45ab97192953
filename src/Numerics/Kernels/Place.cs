namespace FedLLM.Numerics.Kernels;

/// <summary>Where a tile reads its operands, as a type argument that the JIT folds.</summary>
internal interface IPlace
{
    /// <summary>Whether both operands are packed, so that all distances are constants.</summary>
    static abstract bool IsPacked { get; }
}

/// <summary>Both operands are packed: panels of <see cref="Tile.MaxRows"/> rows of A and of the tile's width of B.</summary>
internal readonly struct Packed : IPlace
{
    public static bool IsPacked => true;
}

/// <summary>At least one operand is read where it lies, by the strides given.</summary>
internal readonly struct InPlace : IPlace
{
    public static bool IsPacked => false;
}
