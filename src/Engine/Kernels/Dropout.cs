using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Inverted dropout (Srivastava et al., 2014): y = x / (1 - p) where kept, else 0. The mask is a pure function of the stream and of the element's
/// position (module, row of the step, column), so it is drawn again for the backward pass instead of being stored.
/// </summary>
internal static unsafe class Dropout
{
    /// <summary>
    /// Writes dropped x [R,N] to y; <paramref name="row"/> is the first row's number in the pass, <paramref name="module"/> (below 2^16) tells layers apart.
    /// </summary>
    public static void Apply(in DropoutStream stream, int module, int row, float* x, float* y, int rows, int size)
        => Run(stream, module, row, x, y, rows, size, add: false);

    /// <summary>Adds to dx [R,N] the gradient dy / (1 - p) where kept.</summary>
    public static void Backward(in DropoutStream stream, int module, int row, float* dy, float* dx, int rows, int size)
        => Run(stream, module, row, dy, dx, rows, size, add: true);

    private static void Run(in DropoutStream stream, int module, int firstRow, float* x, float* y, int rows, int size, bool add)
    {
        Vector512<uint> threshold = Vector512.Create((uint)(stream.Probability * (uint.MaxValue + 1.0)));
        Vector512<float> scale = Vector512.Create((float)(1.0 / (1.0 - stream.Probability)));
        for (int row = 0; row < rows; row++)
        {
            // Eight blocks of four words serve 32 columns.
            ulong block = ((ulong)module << 44) | ((ulong)(stream.FirstRow + firstRow + row) << 14);
            long at = (long)row * size;
            for (int i = 0; i < size; i += 2 * Lanes.Width, block += 8)
            {
                stream.Random.EightBlocks(block, out Vector512<uint> low, out Vector512<uint> high);
                Mask(low, threshold, scale, x + at + i, y + at + i, size - i, add);
                if (size - i > Lanes.Width)
                {
                    Mask(high, threshold, scale, x + at + i + Lanes.Width, y + at + i + Lanes.Width, size - i - Lanes.Width, add);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask(Vector512<uint> bits, Vector512<uint> threshold, Vector512<float> scale, float* x, float* y, int count, bool add)
    {
        Vector512<float> kept = Vector512.GreaterThanOrEqual(bits, threshold).AsSingle();
        Vector512<float> value = Vector512.ConditionalSelect(kept, Lanes.Load(x, count) * scale, Vector512<float>.Zero);
        Lanes.Store(add ? Lanes.Load(y, count) + value : value, y, count);
    }
}
