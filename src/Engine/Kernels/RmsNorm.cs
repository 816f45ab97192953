using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// RMSNorm (Zhang and Sennrich, 2019; eq. 4): y = x · r ⊙ w with r = 1 / √(mean(x²) + ε), row by row.
/// </summary>
/// <remarks>The mean's sum is the fixed 16-lane tree of <see cref="Reduce"/>. A NaN in a row makes that row NaN, and no other.</remarks>
internal static unsafe class RmsNorm
{
    /// <summary>Normalises rows of x [R,D] into y [R,D] and keeps r [R] for the backward pass.</summary>
    public static void Forward(Workers workers, float* x, float* weight, float* y, float* inverse, int rows, int size, float epsilon)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new ForwardWork(x, weight, y, inverse, rows, size, epsilon, perTask));
    }

    /// <summary>
    /// Adds to dx [R,D] the gradient r·(w⊙dy) - x·r³·mean(x⊙w⊙dy).
    /// </summary>
    public static void Backward(Workers workers, float* dy, float* x, float* inverse, float* weight, float* dx, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new BackwardWork(dy, x, inverse, weight, dx, rows, size, perTask));
    }

    /// <summary>Adds to dw [D] the gradient Σ over rows, ascending, of dy ⊙ x · r.</summary>
    public static void BackwardWeight(Workers workers, float* dy, float* x, float* inverse, float* dw, int rows, int size)
        => workers.Run(Blocks.Count(size, Lanes.Width), new WeightWork(dy, x, inverse, dw, rows, size));

    private readonly struct ForwardWork(float* x, float* weight, float* y, float* inverse, int rows, int size, float epsilon, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                float* source = x + ((long)row * size);
                float* target = y + ((long)row * size);
                Vector512<float> squares = Vector512<float>.Zero;
                for (int i = 0; i < size; i += Lanes.Width)
                {
                    Vector512<float> value = Lanes.Load(source + i, size - i);
                    squares = Vector512.FusedMultiplyAdd(value, value, squares);
                }

                float r = 1f / MathF.Sqrt((Reduce.FoldSum(squares) / size) + epsilon);
                inverse[row] = r;
                Vector512<float> scale = Vector512.Create(r);
                for (int i = 0; i < size; i += Lanes.Width)
                {
                    int count = size - i;
                    Lanes.Store(Lanes.Load(source + i, count) * scale * Lanes.Load(weight + i, count), target + i, count);
                }
            }
        }
    }

    private readonly struct BackwardWork(float* dy, float* x, float* inverse, float* weight, float* dx, int rows, int size, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                float* gradient = dy + ((long)row * size);
                float* source = x + ((long)row * size);
                float* target = dx + ((long)row * size);
                Vector512<float> dot = Vector512<float>.Zero;
                for (int i = 0; i < size; i += Lanes.Width)
                {
                    int count = size - i;
                    Vector512<float> scaled = Lanes.Load(gradient + i, count) * Lanes.Load(weight + i, count);
                    dot = Vector512.FusedMultiplyAdd(scaled, Lanes.Load(source + i, count), dot);
                }

                float r = inverse[row];
                Vector512<float> scale = Vector512.Create(r);
                Vector512<float> back = Vector512.Create(-(r * r * r * (Reduce.FoldSum(dot) / size)));
                for (int i = 0; i < size; i += Lanes.Width)
                {
                    int count = size - i;
                    Vector512<float> scaled = Lanes.Load(gradient + i, count) * Lanes.Load(weight + i, count) * scale;
                    Vector512<float> value = Vector512.FusedMultiplyAdd(Lanes.Load(source + i, count), back, scaled);
                    Lanes.Store(Lanes.Load(target + i, count) + value, target + i, count);
                }
            }
        }
    }

    private readonly struct WeightWork(float* dy, float* x, float* inverse, float* dw, int rows, int size) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int i = task * Lanes.Width;
            int count = size - i;
            Vector512<float> sum = Lanes.Load(dw + i, count);
            for (int row = 0; row < rows; row++)
            {
                long at = ((long)row * size) + i;
                sum = Vector512.FusedMultiplyAdd(Lanes.Load(dy + at, count), Lanes.Load(x + at, count) * Vector512.Create(inverse[row]), sum);
            }

            Lanes.Store(sum, dw + i, count);
        }
    }
}
