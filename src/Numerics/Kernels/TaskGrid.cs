namespace FedLLM.Numerics.Kernels;

/// <summary>How the tiles of a block are cut into a grid of tasks. Only rows and columns are cut, never k, so the cut changes no bit.</summary>
/// <param name="RowParts">Parts of the rows.</param>
/// <param name="ColumnBlock">Columns in a part of the columns.</param>
/// <param name="ColumnParts">Parts of the columns.</param>
internal readonly record struct TaskGrid(int RowParts, int ColumnBlock, int ColumnParts)
{
    // Some 5 µs of work: below that, handing a task over costs more than it saves.
    private const double SmallestTask = 400_000;

    // Tasks a thread, so that one that is disturbed leaves its share to the others.
    private const int TasksPerThread = 8;

    /// <summary>Number of tasks.</summary>
    public int Count => RowParts * ColumnParts;

    /// <summary>Cuts a block of m by n by k, of so many panels of rows, in steps of <paramref name="panelWidth"/> columns.</summary>
    public static TaskGrid For(int m, int n, int k, int rowPanels, int panelWidth, int threads)
    {
        int wanted = threads == 1 ? 1 : (int)Math.Clamp((double)m * n * k / SmallestTask, 1, TasksPerThread * threads);
        int rowParts = Math.Min(rowPanels, wanted);
        int columnParts = (wanted + rowParts - 1) / rowParts;
        int columnBlock = (((n + columnParts - 1) / columnParts) + panelWidth - 1) / panelWidth * panelWidth;
        return new TaskGrid(rowParts, columnBlock, (n + columnBlock - 1) / columnBlock);
    }

    /// <summary>Returns the panels [FirstPanel, LastPanel) and columns [Column, End) of a task.</summary>
    public (int FirstPanel, int LastPanel, int Column, int End) Part(int task, int rowPanels, int n)
    {
        int column = task / RowParts * ColumnBlock;
        var (first, last) = Packing.Range(rowPanels, RowParts, task % RowParts);
        return (first, last, column, Math.Min(column + ColumnBlock, n));
    }
}
