namespace FedLLM.Numerics.Kernels;

/// <summary>How C is cut into a grid of tasks. Only rows and columns are cut, never k, so the cut changes no bit.</summary>
/// <param name="RowBlock">Rows of C in a task.</param>
/// <param name="ColumnBlock">Columns of C in a task.</param>
/// <param name="ColumnBlocks">Tasks side by side.</param>
/// <param name="Count">Tasks in all.</param>
internal readonly record struct TaskGrid(int RowBlock, int ColumnBlock, int ColumnBlocks, int Count)
{
    // About 5 µs of work: below that, handing a task over costs more than it saves.
    private const double SmallestTask = 150_000;

    // Each task packs its part of B anew, which these many rows pay for; columns are cut in steps of this many.
    private const int RowStep = 48;
    private const int ColumnStep = 64;

    /// <summary>Cuts a product for a team of <paramref name="threads"/>: two or more tasks a thread where the product is large enough.</summary>
    public static TaskGrid For<TA, TB>(in Product<TA, TB> product, int threads)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        double work = (double)product.M * product.N * product.K;
        int wanted = threads == 1 ? 1 : (int)Math.Min(work / SmallestTask, work > 64 * SmallestTask * threads ? 4.0 * threads : threads);
        if (wanted <= 1)
        {
            return new TaskGrid(product.M, product.N, 1, 1);
        }

        int rowParts = Math.Min(wanted, (product.M + RowStep - 1) / RowStep);
        int columnParts = Math.Min(wanted, (product.N + ColumnStep - 1) / ColumnStep);

        // Packing costs what is read: k·n for each part of the rows, k·m for each part of the columns. Cut the cheaper way first.
        if (product.N <= product.M)
        {
            columnParts = Math.Min(columnParts, (wanted + rowParts - 1) / rowParts);
        }
        else
        {
            rowParts = Math.Min(rowParts, (wanted + columnParts - 1) / columnParts);
        }

        int rowBlock = (product.M + rowParts - 1) / rowParts;
        int columnBlock = (((product.N + columnParts - 1) / columnParts) + 31) / 32 * 32;
        rowParts = (product.M + rowBlock - 1) / rowBlock;
        columnParts = (product.N + columnBlock - 1) / columnBlock;
        return new TaskGrid(rowBlock, columnBlock, columnParts, rowParts * columnParts);
    }

    /// <summary>Returns the part of the product that is task <paramref name="task"/>.</summary>
    public Product<TA, TB> Part<TA, TB>(in Product<TA, TB> product, int task)
        where TA : unmanaged, IElement<TA>
        where TB : unmanaged, IElement<TB>
    {
        int row = task / ColumnBlocks * RowBlock;
        int column = task % ColumnBlocks * ColumnBlock;
        return product.Part(row, Math.Min(RowBlock, product.M - row), column, Math.Min(ColumnBlock, product.N - column));
    }
}
