using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics.Kernels;

/// <summary>
/// The product with few columns, as of one token in generation: A, a weight, is read once, from memory, and nothing else counts.
/// Its lines are contiguous in k, so the lanes, which hold rows, are turned in registers. For AVX-512; elsewhere the blocked product does the same.
/// </summary>
internal static unsafe class NarrowProduct
{
    // Two vectors of rows, so that the chains of one fill the waits of the other.
    private const int Rows = 32;
    private const int MaxColumns = 16;
    private const int TileColumns = 8;

    // Elements of A in a task, some 4 µs, and tasks a thread.
    private const int SmallestTask = 32_768;
    private const int TasksPerThread = 4;

    /// <summary>Whether this kernel is made for the product's shape and layout.</summary>
    public static bool Fits<TA, TB>(in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB> =>
        Avx512F.IsSupported && product.N <= MaxColumns && product.AColumn == 1 && product.M >= Rows;

    /// <summary>Computes the first rows of a product that fits, as many as make whole steps, and returns their number.</summary>
    public static int Run<TA, TB>(Workers? workers, in Product<TA, TB> product)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        float* packedB = PackBuffers.ForBlocks(product.K * MaxColumns);
        for (int column = 0; column < product.N; column += TileColumns)
        {
            int columns = Math.Min(TileColumns, product.N - column);
            int width = WidthFor(columns);
            Packing.Pack(product.B + (column * product.BColumn), product.BColumn, product.BRow, columns, width, product.K, packedB + (column * (nint)product.K), width);
        }

        int steps = product.M / Rows;
        int threads = workers?.Count ?? 1;
        int tasks = threads == 1 ? 1 : (int)Math.Clamp((long)product.M * product.K / SmallestTask, 1, Math.Min(steps, TasksPerThread * threads));
        var work = new Work<TA, TB>(product, packedB, steps, tasks);
        if (tasks == 1)
        {
            work.Execute(0, 0);
        }
        else
        {
            workers!.Run(tasks, work);
        }

        return steps * Rows;
    }

    private static int WidthFor(int columns) => columns > 4 ? 8 : columns > 2 ? 4 : columns;

    private readonly struct Work<TA, TB>(Product<TA, TB> product, float* packedB, int steps, int tasks) : IParallelWork
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        public void Execute(int task, int worker)
        {
            float* spare = stackalloc float[Rows * TileColumns];
            var (first, last) = Packing.Range(steps, tasks, task);
            for (int step = first; step < last; step++)
            {
                TA* a = product.A + (step * Rows * product.ARow);
                for (int column = 0; column < product.N; column += TileColumns)
                {
                    int columns = Math.Min(TileColumns, product.N - column);
                    float* b = packedB + (column * (nint)product.K);
                    float* c = product.C + (step * Rows * product.CRow) + (column * product.CColumn);
                    if (product.Accumulate)
                    {
                        Packing.Copy(c, product.CColumn, product.CRow, spare, Rows, 1, columns, Rows);
                    }

                    switch (WidthFor(columns))
                    {
                        case 1:
                            NarrowTile.Run<TA, One>(a, product.ARow, b, spare, product.K, product.Accumulate);
                            break;
                        case 2:
                            NarrowTile.Run<TA, Two>(a, product.ARow, b, spare, product.K, product.Accumulate);
                            break;
                        case 4:
                            NarrowTile.Run<TA, Four>(a, product.ARow, b, spare, product.K, product.Accumulate);
                            break;
                        default:
                            NarrowTile.Run<TA, Eight>(a, product.ARow, b, spare, product.K, product.Accumulate);
                            break;
                    }

                    Packing.Copy(spare, Rows, 1, c, product.CColumn, product.CRow, columns, Rows);
                }
            }
        }
    }
}
