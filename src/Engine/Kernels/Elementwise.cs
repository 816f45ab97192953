using System.Runtime.Intrinsics;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>The small row-by-row operations between the large ones.</summary>
internal static unsafe class Elementwise
{
    /// <summary>y = a + b, <paramref name="count"/> elements; y may be either of them.</summary>
    public static void Add(Workers workers, float* a, float* b, float* y, long count)
        => workers.Run((int)((count + Blocks.Elements - 1) / Blocks.Elements), new AddWork(a, b, y, count));

    /// <summary>x *= factor, <paramref name="count"/> elements, on the calling thread.</summary>
    public static void Scale(float* x, float factor, long count)
    {
        Vector512<float> scale = Vector512.Create(factor);
        for (long i = 0; i < count; i += Lanes.Width)
        {
            int lanes = (int)Math.Min(Lanes.Width, count - i);
            Lanes.Store(Lanes.Load(x + i, lanes) * scale, x + i, lanes);
        }
    }

    /// <summary>Adds the row vector b [N] to every row of y [R,N].</summary>
    public static void AddBias(Workers workers, float* bias, float* y, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new BiasWork(bias, y, rows, size, perTask));
    }

    /// <summary>Adds to db [N] the column sums of dy [R,N], rows ascending.</summary>
    public static void SumColumns(Workers workers, float* dy, float* db, int rows, int size)
        => workers.Run(Blocks.Count(size, Lanes.Width), new ColumnWork(dy, db, rows, size));

    /// <summary>Multiplies row i of x [R,N] by factors[i].</summary>
    public static void ScaleRows(Workers workers, float* factors, float* x, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new ScaleRowsWork(factors, x, rows, size, perTask));
    }

    /// <summary>Copies the indexed rows of a weight matrix [·,D] to y [R,D], widened.</summary>
    public static void Gather(Workers workers, WeightMatrix table, int* indices, float* y, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new GatherWeightWork(table, indices, y, rows, size, perTask));
    }

    /// <summary>Copies the indexed rows of a table [·,D] to y [R,D].</summary>
    public static void Gather(Workers workers, float* table, int* indices, float* y, int rows, int size)
    {
        int perTask = Blocks.RowsPerTask(size);
        workers.Run(Blocks.Count(rows, perTask), new GatherWork(table, indices, y, rows, size, perTask));
    }

    /// <summary>Adds the rows of y [R,D] to the indexed rows of a table [·,D], rows ascending; tasks split the columns, so repeated indices are safe.</summary>
    public static void Scatter(Workers workers, float* y, int* indices, float* table, int rows, int size)
        => workers.Run(Blocks.Count(size, Lanes.Width), new ScatterWork(y, indices, table, rows, size));

    private readonly struct AddWork(float* a, float* b, float* y, long count) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            long end = Math.Min(count, (task + 1L) * Blocks.Elements);
            for (long i = (long)task * Blocks.Elements; i < end; i += Lanes.Width)
            {
                int lanes = (int)Math.Min(Lanes.Width, end - i);
                Lanes.Store(Lanes.Load(a + i, lanes) + Lanes.Load(b + i, lanes), y + i, lanes);
            }
        }
    }

    private readonly struct BiasWork(float* bias, float* y, int rows, int size, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                float* target = y + ((long)row * size);
                for (int i = 0; i < size; i += Lanes.Width)
                {
                    Lanes.Store(Lanes.Load(target + i, size - i) + Lanes.Load(bias + i, size - i), target + i, size - i);
                }
            }
        }
    }

    private readonly struct ScaleRowsWork(float* factors, float* x, int rows, int size, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                Scale(x + ((long)row * size), factors[row], size);
            }
        }
    }

    private readonly struct ColumnWork(float* dy, float* db, int rows, int size) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int i = task * Lanes.Width;
            Vector512<float> sum = Lanes.Load(db + i, size - i);
            for (int row = 0; row < rows; row++)
            {
                sum += Lanes.Load(dy + ((long)row * size) + i, size - i);
            }

            Lanes.Store(sum, db + i, size - i);
        }
    }

    private readonly struct GatherWork(float* table, int* indices, float* y, int rows, int size, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                new ReadOnlySpan<float>(table + ((long)indices[row] * size), size).CopyTo(new Span<float>(y + ((long)row * size), size));
            }
        }
    }

    private readonly struct GatherWeightWork(WeightMatrix table, int* indices, float* y, int rows, int size, int perTask) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int end = Math.Min(rows, (task + 1) * perTask);
            for (int row = task * perTask; row < end; row++)
            {
                table.CopyTo(indices[row] * size, size, new Span<float>(y + ((long)row * size), size));
            }
        }
    }

    private readonly struct ScatterWork(float* y, int* indices, float* table, int rows, int size) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int i = task * Lanes.Width;
            for (int row = 0; row < rows; row++)
            {
                float* target = table + ((long)indices[row] * size) + i;
                Lanes.Store(Lanes.Load(target, size - i) + Lanes.Load(y + ((long)row * size) + i, size - i), target, size - i);
            }
        }
    }
}
