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
        int perTask = Blocks.RowsPerTask(8 * size);
        workers.Run(Blocks.Count(rows, perTask), new Work(random, Threshold(probability), Keep(probability), module, firstRow, x, y, rows, size, perTask, false));
    }

    /// <summary>Adds to dx [R,N] the gradient dy / (1 - p) where kept.</summary>
    public static void Backward(Workers workers, CounterRandom random, double probability, int module, long firstRow, float* dy, float* dx, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(8 * size);
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
            uint* bits = stackalloc uint[4];
            for (int row = task * perTask; row < end; row++)
            {
                float* source = x + ((long)row * size);
                float* target = y + ((long)row * size);
                ulong position = ((ulong)module << 46) | ((ulong)(firstRow + row) << 16);
                for (int i = 0; i < size; i += 4)
                {
                    random.Bits4((position + (ulong)i) >> 2, bits);
                    int count = Math.Min(4, size - i);
                    for (int j = 0; j < count; j++)
                    {
                        float value = bits[j] < threshold ? 0f : source[i + j] * scale;
                        target[i + j] = add ? target[i + j] + value : value;
                    }
                }
            }
        }
    }
}
