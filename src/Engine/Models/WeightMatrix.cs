using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>How the matrices of a base model are kept in memory.</summary>
public enum WeightStorage
{
    /// <summary>float32, whatever the file holds.</summary>
    Float32,

    /// <summary>bfloat16: exactly a bfloat16 file's values, others rounded to the nearest (ties to even). Norms and biases stay float32.</summary>
    BFloat16,
}

/// <summary>
/// A matrix of a base model, row-major, kept in memory as float32 or as bfloat16. All arithmetic is float32: bfloat16 elements are widened, exactly, where a product reads them.
/// </summary>
public sealed unsafe class WeightMatrix
{
    private readonly float[]? _single;
    private readonly ushort[]? _half;

    /// <summary>Wraps float32 elements (not copied).</summary>
    public WeightMatrix(float[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        _single = values;
    }

    /// <summary>Wraps bfloat16 elements (not copied): each the upper half of a float32's bits.</summary>
    public WeightMatrix(ushort[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        _half = values;
    }

    /// <summary>Number of elements.</summary>
    public int Length => _single?.Length ?? _half!.Length;

    /// <summary>Whether the elements are kept as bfloat16.</summary>
    public bool IsBFloat16 => _half is not null;

    /// <summary>The elements, where they are kept as float32.</summary>
    /// <exception cref="InvalidOperationException">They are kept as bfloat16.</exception>
    public float[] Single => _single ?? throw new InvalidOperationException("The matrix is kept as bfloat16; what writes to weights needs float32.");

    /// <summary>The elements' bits, where they are kept as bfloat16.</summary>
    /// <exception cref="InvalidOperationException">They are kept as float32.</exception>
    public ushort[] Half => _half ?? throw new InvalidOperationException("The matrix is kept as float32.");

    /// <summary>Copies <paramref name="count"/> elements from <paramref name="start"/> on, widened.</summary>
    public void CopyTo(int start, int count, Span<float> destination)
    {
        if (_single is not null)
        {
            _single.AsSpan(start, count).CopyTo(destination);
            return;
        }

        Numerics.BFloat16.Widen(_half.AsSpan(start, count), destination);
    }

    /// <summary>
    /// C[M,N] (+)= A[M,K] · this, this matrix's element (k, j) at index start + k·rowStride + j·columnStride; A's element (i, k) at a[i·aRow + k·aColumn].
    /// </summary>
    internal void Multiply(
        Workers? workers, int m, int n, int k, float* a, nint aRow, nint aColumn, nint start, nint rowStride, nint columnStride, float* c, nint cRow, bool accumulate)
    {
        if (_single is not null)
        {
            fixed (float* b = _single)
            {
                Gemm.Multiply(workers, m, n, k, a, aRow, aColumn, b + start, rowStride, columnStride, c, cRow, accumulate);
            }
        }
        else
        {
            fixed (ushort* b = _half)
            {
                Gemm.Multiply(workers, m, n, k, a, aRow, aColumn, b + start, rowStride, columnStride, c, cRow, accumulate);
            }
        }
    }

    /// <summary>
    /// C[M,N] = this · B on the calling thread, with M rows of this matrix from element <paramref name="start"/> on, of K elements each; B [K,N] and C in the packed order
    /// of <see cref="Gemm"/>.
    /// </summary>
    internal void MultiplyPacked(int m, int n, int k, nint start, float* packed, float* packedC)
    {
        if (_single is not null)
        {
            fixed (float* a = _single)
            {
                Gemm.MultiplyIntoPacked(m, n, k, a + start, k, 1, packed, packedC);
            }
        }
        else
        {
            fixed (ushort* a = _half)
            {
                Gemm.MultiplyIntoPacked(m, n, k, a + start, k, 1, packed, packedC);
            }
        }
    }

    /// <summary>
    /// C[M,N] (+)= thisᵀ · B on the calling thread, with K rows of this matrix from element <paramref name="start"/> on, of M elements each; B [K,N] in the packed order
    /// of <see cref="Gemm"/>.
    /// </summary>
    internal void MultiplyTransposedPacked(int m, int n, int k, nint start, float* packed, float* c, nint cRow, bool accumulate)
    {
        if (_single is not null)
        {
            fixed (float* a = _single)
            {
                Gemm.MultiplyPacked(null, m, n, k, a + start, 1, m, packed, c, cRow, accumulate);
            }
        }
        else
        {
            fixed (ushort* a = _half)
            {
                Gemm.MultiplyPacked(null, m, n, k, a + start, 1, m, packed, c, cRow, accumulate);
            }
        }
    }
}
