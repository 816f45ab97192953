namespace FedLLM.Numerics.Kernels;

/// <summary>The operands of C[i,j] (+)= Σ_k A[i,k]·B[k,j], all with two strides in elements.</summary>
/// <typeparam name="TA">The format of A.</typeparam>
/// <typeparam name="TB">The format of B.</typeparam>
internal unsafe struct Product<TA, TB>
    where TA : unmanaged, IElement<TA>
    where TB : unmanaged, IElement<TB>
{
    public int M;
    public int N;
    public int K;
    public TA* A;
    public nint ARow;
    public nint AColumn;
    public TB* B;
    public nint BRow;
    public nint BColumn;
    public float* C;
    public nint CRow;
    public nint CColumn;
    public bool Accumulate;

    /// <summary>Whether C is written in the packed order of a B of M rows; CColumn is then M, and the product is not cut in rows.</summary>
    public bool PackedC;

    /// <summary>Returns the same product read as Cᵀ = Bᵀ·Aᵀ. The factors of each fma change places, which changes no bit.</summary>
    public readonly Product<TB, TA> Transposed() => new()
    {
        M = N,
        N = M,
        K = K,
        A = B,
        ARow = BColumn,
        AColumn = BRow,
        B = A,
        BRow = AColumn,
        BColumn = ARow,
        C = C,
        CRow = CColumn,
        CColumn = CRow,
        Accumulate = Accumulate,
    };

    /// <summary>Returns the part of the product that makes rows [row, row + rows) and columns [column, column + columns) of C.</summary>
    public readonly Product<TA, TB> Part(int row, int rows, int column, int columns)
    {
        Product<TA, TB> part = this;
        part.M = rows;
        part.N = columns;
        part.A = A + (row * ARow);
        part.B = B + (column * BColumn);
        part.C = C + (row * CRow) + (column * CColumn);
        return part;
    }
}
