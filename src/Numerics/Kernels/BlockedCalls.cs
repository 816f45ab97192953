namespace FedLLM.Numerics.Kernels;

/// <summary>What is asked of a <see cref="BlockedProduct{TLanes, TVector, THalfLanes, THalfVector, TRows}"/> before it is known which one this machine has.</summary>
internal interface IBlockedCall
{
    /// <summary>Asks it, and returns its answer, or 0 where it has none.</summary>
    long Run<TLanes, TVector, THalfLanes, THalfVector, TRows>()
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where THalfLanes : struct, ILanes<THalfVector>
        where THalfVector : struct
        where TRows : struct, IConstant;
}

/// <summary>A whole product, with B packed before or null.</summary>
internal readonly unsafe struct ProductCall<TA, TB>(Workers? workers, Product<TA, TB> product, float* readyB, Region next) : IBlockedCall
    where TA : unmanaged, IElement<TA>
    where TB : unmanaged, IElement<TB>
{
    public long Run<TLanes, TVector, THalfLanes, THalfVector, TRows>()
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where THalfLanes : struct, ILanes<THalfVector>
        where THalfVector : struct
        where TRows : struct, IConstant
    {
        if (readyB is null && StreamedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>.Fits(product))
        {
            StreamedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>.Run(workers, product);
        }
        else
        {
            BlockedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>.Run(workers, product, readyB, next);
        }

        return 0;
    }
}

/// <summary>The packing of a whole B.</summary>
internal readonly unsafe struct PackCall(int n, int k, Float32Element* b, nint bRow, nint bColumn, float* to) : IBlockedCall
{
    public long Run<TLanes, TVector, THalfLanes, THalfVector, TRows>()
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where THalfLanes : struct, ILanes<THalfVector>
        where THalfVector : struct
        where TRows : struct, IConstant
    {
        BlockedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>.PackAll(n, k, b, bRow, bColumn, to);
        return 0;
    }
}

/// <summary>The length of a packed B.</summary>
internal readonly struct LengthCall(int n, int k) : IBlockedCall
{
    public long Run<TLanes, TVector, THalfLanes, THalfVector, TRows>()
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where THalfLanes : struct, ILanes<THalfVector>
        where THalfVector : struct
        where TRows : struct, IConstant => BlockedProduct<TLanes, TVector, THalfLanes, THalfVector, TRows>.PackedLength(n, k);
}
