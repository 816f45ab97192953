using FedLLM.Numerics.Decompositions;

namespace FedLLM.Federation.Tests.Lora;

/// <summary>What the factored decomposition is compared with: the dense matrix's own.</summary>
internal static class DenseSvd
{
    /// <summary>Returns the best approximation of a row-major matrix with <paramref name="rows"/> rows by one of the given rank.</summary>
    public static double[] Truncate(double[] matrix, int rows, int rank)
    {
        int columns = matrix.Length / rows;
        var dense = new ColumnMatrix(rows, columns);
        for (int i = 0; i < matrix.Length; i++)
        {
            dense[i / columns, i % columns] = matrix[i];
        }

        JacobiSvd svd = JacobiSvd.Decompose(dense);
        return [.. matrix.Select((_, i) => Enumerable.Range(0, rank).Sum(k => svd.ScaledLeft[i / columns, k] * svd.Right[i % columns, k]))];
    }
}
