using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedLLM.Numerics.Kernels;

namespace FedLLM.Engine.Kernels;

/// <summary>Sixteen columns of a matrix: eight that lie side by side and, at another distance or beside them, eight more.</summary>
/// <param name="at">The first row's first eight.</param>
/// <param name="stride">Distance of two rows.</param>
/// <param name="upper">Distance of the other eight; 8 where they lie beside the first.</param>
internal readonly unsafe struct Column(float* at, nint stride, nint upper = Column.Half)
{
    private const int Half = Lanes.Width / 2;

    /// <summary>A row.</summary>
    public Vector512<float> this[nint row]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            float* from = at + (row * stride);
            return upper == Half ? Vector512.Load(from) : Vector512.Create(Vector256.Load(from), Vector256.Load(from + upper));
        }
    }

    /// <summary>Writes a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(nint row, Vector512<float> value)
    {
        float* to = at + (row * stride);
        if (upper == Half)
        {
            value.Store(to);
            return;
        }

        value.GetLower().Store(to);
        value.GetUpper().Store(to + upper);
    }

    /// <summary>Asks the cache for a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Ask(nint row) => Prefetch.Near(at + (row * stride));

    /// <summary>The same columns from another row on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Column From(nint row) => new(at + (row * stride), stride, upper);
}
