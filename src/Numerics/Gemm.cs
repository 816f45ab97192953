using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FedLLM.Numerics.Kernels;

namespace FedLLM.Numerics;

/// <summary>
/// Single-precision matrix products. Every output element is one fused-multiply-add chain over ascending k,
/// starting at zero or, when accumulating, at the element's present value: c = fma(a[i,k], b[k,j], c) for k = 0 … K-1.
/// So an element's bits depend only on its own row of A and column of B: not on M, N, the tiling, the threads or the instruction set.
/// </summary>
public static unsafe class Gemm
{
    // Up to this many rows or columns a product counts as narrow: one vector holds them.
    private const int NarrowLimit = 16;

    /// <summary>The most k of a packed block: a panel of so many and 12 rows of A (18 KB) stays in the first-level cache.</summary>
    internal const int BlockK = 384;

    /// <summary>Y[M,N] (+)= X[M,K] · W[N,K]ᵀ: a linear layer's forward product; all row-major and dense.</summary>
    /// <exception cref="ArgumentException">A span is shorter than its matrix.</exception>
    public static void MultiplyTransposed(Workers workers, ReadOnlySpan<float> x, ReadOnlySpan<float> w, Span<float> y, int m, int n, int k, bool accumulate = false)
    {
        Check(x.Length, (long)m * k, nameof(x));
        Check(w.Length, (long)n * k, nameof(w));
        Check(y.Length, (long)m * n, nameof(y));
        fixed (float* px = x, pw = w, py = y)
        {
            Multiply(workers, m, n, k, px, k, 1, pw, 1, k, py, n, accumulate);
        }
    }

    /// <summary>C[M,N] (+)= A[M,K] · B[K,N]; all row-major and dense.</summary>
    /// <exception cref="ArgumentException">A span is shorter than its matrix.</exception>
    public static void Multiply(Workers workers, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int m, int n, int k, bool accumulate = false)
    {
        Check(a.Length, (long)m * k, nameof(a));
        Check(b.Length, (long)k * n, nameof(b));
        Check(c.Length, (long)m * n, nameof(c));
        fixed (float* pa = a, pb = b, pc = c)
        {
            Multiply(workers, m, n, k, pa, k, 1, pb, n, 1, pc, n, accumulate);
        }
    }

    /// <summary>C[M,N] (+)= A[K,M]ᵀ · B[K,N]: a weight gradient, summed over the K rows in ascending order; all row-major and dense.</summary>
    /// <exception cref="ArgumentException">A span is shorter than its matrix.</exception>
    public static void TransposedMultiply(Workers workers, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int m, int n, int k, bool accumulate = false)
    {
        Check(a.Length, (long)k * m, nameof(a));
        Check(b.Length, (long)k * n, nameof(b));
        Check(c.Length, (long)m * n, nameof(c));
        fixed (float* pa = a, pb = b, pc = c)
        {
            Multiply(workers, m, n, k, pa, 1, m, pb, n, 1, pc, n, accumulate);
        }
    }

    /// <summary>
    /// The strided product under all others: C[i,j] (+)= Σ_k A[i,k]·B[k,j] with A[i,k] at a[i·aRow + k·aColumn], B[k,j] at b[k·bRow + j·bColumn] and C[i,j] at c[i·cRow + j].
    /// <paramref name="workers"/> null runs on the calling thread alone (for use inside parallel work).
    /// </summary>
    /// <remarks>
    /// Strides are in elements and may be zero or negative for A and B; rows of C must not overlap each other, nor C the operands.
    /// NaN and ∞ propagate as in IEEE 754 fma (which NaN of several, is not defined). With k = 0 the result is 0, or C itself when accumulating.
    /// A product too small to be worth sharing runs on the calling thread. Nothing is allocated after a thread's first product.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static void Multiply(Workers? workers, int m, int n, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, nint bColumn, float* c, nint cRow, bool accumulate) =>
        Multiply(workers, m, n, k, (Float32Element*)a, aRow, aColumn, (Float32Element*)b, bRow, bColumn, c, cRow, accumulate);

    /// <summary>
    /// The strided product with B in bfloat16 (the upper half of a float32): to the bit the product of B widened to float32.
    /// B is widened block by block as it is packed, so that no float32 copy of it ever exists.
    /// </summary>
    /// <remarks>As for float32 otherwise.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static void Multiply(Workers? workers, int m, int n, int k, float* a, nint aRow, nint aColumn, ushort* b, nint bRow, nint bColumn, float* c, nint cRow, bool accumulate) =>
        Multiply(workers, m, n, k, (Float32Element*)a, aRow, aColumn, (BFloat16Element*)b, bRow, bColumn, c, cRow, accumulate);

    /// <summary>The strided product with A in bfloat16: to the bit the product of A widened to float32.</summary>
    /// <remarks>As for B in bfloat16.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static void Multiply(Workers? workers, int m, int n, int k, ushort* a, nint aRow, nint aColumn, float* b, nint bRow, nint bColumn, float* c, nint cRow, bool accumulate) =>
        Multiply(workers, m, n, k, (BFloat16Element*)a, aRow, aColumn, (Float32Element*)b, bRow, bColumn, c, cRow, accumulate);

    /// <summary>
    /// Columns of a panel of the packed order on this machine, a multiple of 8. The order is: panel after panel, in each one row after row of its columns. The last
    /// panel is as narrow as 8, 16, … as its columns allow. More than <see cref="PackedRows"/> rows are packed in blocks.
    /// </summary>
    public static int PanelWidth => Avx512F.IsSupported ? 32 : Avx2.IsSupported && Fma.IsSupported ? 16 : 8;

    /// <summary>The most rows that stand in one block of the packed order.</summary>
    public static int PackedRows => BlockK;

    /// <summary>Elements that <see cref="Pack"/> writes for a B of <paramref name="k"/> rows and <paramref name="n"/> columns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static long PackedLength(int n, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        return OnThisMachine(new LengthCall(n, k));
    }

    /// <summary>Puts a B that several products share, B[k,j] at b[k·bRow + j·bColumn], into the order in which they read it.</summary>
    /// <param name="n">Columns of B.</param>
    /// <param name="k">Rows of B.</param>
    /// <param name="b">The first element.</param>
    /// <param name="bRow">Distance of two rows, in elements.</param>
    /// <param name="bColumn">Distance of two columns, in elements.</param>
    /// <param name="packed">Receives <see cref="PackedLength"/> elements, in an order of this machine's own.</param>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static void Pack(int n, int k, float* b, nint bRow, nint bColumn, float* packed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        OnThisMachine(new PackCall(n, k, (Float32Element*)b, bRow, bColumn, packed));
    }

    /// <summary>
    /// The strided product with a B that <see cref="Pack"/> has put in order: to the bit the product with B itself.
    /// The caches are asked meanwhile for <paramref name="next"/>, what will be read after it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative, or <paramref name="k"/> is 0.</exception>
    public static void MultiplyPacked(
        Workers? workers, int m, int n, int k, float* a, nint aRow, nint aColumn, float* packed, float* c, nint cRow, bool accumulate, ReadOnlySpan<float> next = default)
    {
        // Where it is moved meanwhile, the caches are asked in vain.
        var region = new Region(Unsafe.AsPointer(ref MemoryMarshal.GetReference(next)), next.Length * (nint)sizeof(float));
        MultiplyPacked(workers, m, n, k, (Float32Element*)a, aRow, aColumn, packed, c, cRow, accumulate, region);
    }

    /// <summary>The product with a packed B and A in bfloat16.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative, or <paramref name="k"/> is 0.</exception>
    public static void MultiplyPacked(Workers? workers, int m, int n, int k, ushort* a, nint aRow, nint aColumn, float* packed, float* c, nint cRow, bool accumulate) =>
        MultiplyPacked(workers, m, n, k, (BFloat16Element*)a, aRow, aColumn, packed, c, cRow, accumulate);

    /// <summary>
    /// The product with a packed B, on the calling thread, whose C [M,N] is written in the packed order as well: what a next product reads as its B of M rows.
    /// Columns that fill up the last panel receive the product with those of B.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative, <paramref name="k"/> is 0, or <paramref name="m"/> exceeds <see cref="PackedRows"/>.</exception>
    public static void MultiplyIntoPacked(int m, int n, int k, float* a, nint aRow, nint aColumn, float* packed, float* packedC) =>
        MultiplyIntoPacked(m, n, k, (Float32Element*)a, aRow, aColumn, packed, packedC);

    /// <summary>The product into a packed C with A in bfloat16.</summary>
    /// <exception cref="ArgumentOutOfRangeException">As for float32.</exception>
    public static void MultiplyIntoPacked(int m, int n, int k, ushort* a, nint aRow, nint aColumn, float* packed, float* packedC) =>
        MultiplyIntoPacked(m, n, k, (BFloat16Element*)a, aRow, aColumn, packed, packedC);

    private static void MultiplyIntoPacked<TA>(int m, int n, int k, TA* a, nint aRow, nint aColumn, float* packed, float* packedC)
        where TA : unmanaged, IElement<TA>
    {
        ArgumentOutOfRangeException.ThrowIfZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(m, PackedRows);
        Multiply(null, m, n, k, a, aRow, aColumn, (Float32Element*)null, 0, 0, packedC, 0, false, packed, packsC: true);
    }

    private static void MultiplyPacked<TA>(
        Workers? workers, int m, int n, int k, TA* a, nint aRow, nint aColumn, float* packed, float* c, nint cRow, bool accumulate, Region next = default)
        where TA : unmanaged, IElement<TA>
    {
        ArgumentOutOfRangeException.ThrowIfZero(k);
        Multiply(workers, m, n, k, a, aRow, aColumn, (Float32Element*)null, 0, 0, c, cRow, accumulate, packed, next: next);
    }

    // With a packed B, where B lies does not matter.
    private static void Multiply<TA, TB>(
        Workers? workers, int m, int n, int k, TA* a, nint aRow, nint aColumn, TB* b, nint bRow, nint bColumn, float* c, nint cRow, bool accumulate,
        float* packed = null, bool packsC = false, Region next = default)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        if (m == 0 || n == 0)
        {
            return;
        }

        if (k == 0)
        {
            for (int i = 0; i < m && !accumulate; i++)
            {
                new Span<float>(c + (i * cRow), n).Clear();
            }

            return;
        }

        var product = new Product<TA, TB>
        {
            M = m,
            N = n,
            K = k,
            A = a,
            ARow = aRow,
            AColumn = aColumn,
            B = b,
            BRow = bRow,
            BColumn = bColumn,
            C = c,
            CRow = cRow,
            CColumn = packsC ? m : 1,
            Accumulate = accumulate,
            PackedC = packsC,
        };

        if (packed is not null)
        {
            RunBlocked(workers, product, packed, next);
            return;
        }

        // Few columns or few rows waste lanes or read a weight column by column; the transposed product then has wide rows to run along.
        if ((n <= NarrowLimit && m > n && aRow == 1 && aColumn != 1) || (m <= NarrowLimit && n > m && bRow == 1 && bColumn != 1))
        {
            Run(workers, product.Transposed());
        }
        else
        {
            Run(workers, product);
        }
    }

    private static void Run<TA, TB>(Workers? workers, in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        if (!NarrowProduct.Fits(product))
        {
            RunBlocked(workers, product);
            return;
        }

        int rows = NarrowProduct.Run(workers, product);
        if (rows < product.M)
        {
            RunBlocked(null, product.Part(rows, product.M - rows, 0, product.N));
        }
    }

    private static void RunBlocked<TA, TB>(Workers? workers, in Product<TA, TB> product, float* packed = null, Region next = default)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB> =>
        OnThisMachine(new ProductCall<TA, TB>(workers, product, packed, next));

    // One path per machine; all give the same bits, so which one runs is a matter of speed alone.
    private static long OnThisMachine<TCall>(in TCall call)
        where TCall : struct, IBlockedCall
    {
        if (Avx512F.IsSupported)
        {
            return call.Run<Lanes16, Vector512<float>, Lanes8, Vector256<float>, Twelve>();
        }

        if (Avx2.IsSupported && Fma.IsSupported)
        {
            return call.Run<Lanes8, Vector256<float>, Lanes4, Vector128<float>, Six>();
        }

        return AdvSimd.IsSupported
            ? call.Run<Lanes4, Vector128<float>, Lanes4, Vector128<float>, Twelve>()
            : call.Run<Lanes4, Vector128<float>, Lanes4, Vector128<float>, Six>();
    }

    private static void Check(int length, long needed, string name)
    {
        if (length < needed)
        {
            throw new ArgumentException($"The matrix needs {needed} elements, but the span holds {length}.", name);
        }
    }
}
