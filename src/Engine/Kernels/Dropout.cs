using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Inverted dropout (Srivastava et al., 2014): y = x / (1 - p) where kept, else 0. The mask is a pure function of the stream and of the element's
/// position (module, row of the step, column), so it is drawn again for the backward pass instead of being stored.
/// </summary>
internal static unsafe class Dropout
{
    /// <summary>
    /// Writes dropped x [R,N] to y; <paramref name="firstRow"/> is the first row's number in the step, <paramref name="module"/> (below 2^16) tells layers apart.
    /// </summary>
    public static void Apply(Workers workers, CounterRandom random, double probability, int module, long firstRow, float* x, float* y, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(4 * size);
        workers.Run(Blocks.Count(rows, perTask), new Work(random, Threshold(probability), Keep(probability), module, firstRow, x, y, rows, size, perTask, false));
    }

    /// <summary>Adds to dx [R,N] the gradient dy / (1 - p) where kept.</summary>
    public static void Backward(Workers workers, CounterRandom random, double probability, int module, long firstRow, float* dy, float* dx, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(4 * size);
        workers.Run(Blocks.Count(rows, perTask), new Work(random, Threshold(probability), Keep(probability), module, firstRow, dy, dx, rows, size, perTask, true));
    }

    private static uint Threshold(double probability) => (uint)(probability * (uint.MaxValue + 1.0));

    private static float Keep(double probability) => (float)(1.0 / (1.0 - probability));

    private readonly struct Work(
        CounterRandom random, uint threshold, float scale, int module, long firstRow, float* x, float* y, int rows, int size, int perTask, bool add) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                // Eight blocks of four words serve 32 columns.
                ulong block = ((ulong)module << 44) | ((ulong)(firstRow + row) << 14);
                long at = (long)row * size;
                for (int i = 0; i < size; i += 2 * Lanes.Width, block += 8)
                {
                    random.EightBlocks(block, out Vector512<uint> low, out Vector512<uint> high);
                    Mask(low, at + i, size - i);
                    if (size - i > Lanes.Width)
                    {
                        Mask(high, at + i + Lanes.Width, size - i - Lanes.Width);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Mask(Vector512<uint> bits, long at, int count)
        {
            Vector512<float> kept = Vector512.GreaterThanOrEqual(bits, Vector512.Create(threshold)).AsSingle();
            Vector512<float> value = Vector512.ConditionalSelect(kept, Lanes.Load(x + at, count) * Vector512.Create(scale), Vector512<float>.Zero);
            Lanes.Store(add ? Lanes.Load(y + at, count) + value : value, y + at, count);
        }
    }
}
