namespace FedLLM.Numerics;

/// <summary>
/// Single-precision matrix products. Every output element is one fused-multiply-add chain over ascending k,
/// starting at zero or, when accumulating, at the element's present value: c = fma(a[i,k], b[k,j], c) for k = 0 … K-1.
/// So an element's bits depend only on its own row of A and column of B: not on M, N, the tiling, the threads or the instruction set.
/// </summary>
public static unsafe class Gemm
{
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
    public static void Multiply(Workers? workers, int m, int n, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, nint bColumn, float* c, nint cRow, bool accumulate)
    {
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = accumulate ? c[(i * cRow) + j] : 0f;
                for (int p = 0; p < k; p++)
                {
                    sum = MathF.FusedMultiplyAdd(a[(i * aRow) + (p * aColumn)], b[(p * bRow) + (j * bColumn)], sum);
                }

                c[(i * cRow) + j] = sum;
            }
        }
    }

    private static void Check(int length, long needed, string name)
    {
        if (length < needed)
        {
            throw new ArgumentException($"The matrix needs {needed} elements, but the span holds {length}.", name);
        }
    }
}
