namespace FedLLM.Numerics.Decompositions;

/// <summary>
/// A = (U·S)·Vᵀ by one-sided Jacobi rotations (Hestenes 1958; Demmel and Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13(4), 1992),
/// in float64, pairs in one fixed cyclic order: the same bits on every machine.
/// </summary>
/// <remarks>
/// With A [m,n]: V [n,n] is orthogonal whatever the rank of A; the columns of U·S [m,n] are orthogonal, and their lengths are the singular values, descending.
/// U itself is never formed, so a zero singular value divides nothing. A sweep costs about 6·n²·m operations; some ten sweeps suffice for hundreds of columns.
/// </remarks>
public sealed class JacobiSvd
{
    private const double Tolerance = 1e-14; // of cos of the angle between two columns
    private const int MostSweeps = 60;

    private JacobiSvd(ColumnMatrix scaledLeft, ColumnMatrix right, double[] singularValues) =>
        (ScaledLeft, Right, SingularValues) = (scaledLeft, right, singularValues);

    /// <summary>U·S, [m, n].</summary>
    public ColumnMatrix ScaledLeft { get; }

    /// <summary>V, [n, n].</summary>
    public ColumnMatrix Right { get; }

    /// <summary>The n singular values, descending; those beyond the rank are zero but for rounding.</summary>
    public IReadOnlyList<double> SingularValues { get; }

    /// <summary>Decomposes <paramref name="matrix"/>, which stays as it is; its elements must be finite.</summary>
    public static JacobiSvd Decompose(ColumnMatrix matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ColumnMatrix work = matrix.Clone();
        int n = work.Columns;
        var right = new ColumnMatrix(n, n);
        for (int j = 0; j < n; j++)
        {
            right[j, j] = 1;
        }

        bool rotated = true;
        for (int sweep = 0; sweep < MostSweeps && rotated; sweep++)
        {
            rotated = false;
            for (int p = 0; p < n - 1; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    rotated |= Orthogonalize(work, right, p, q);
                }
            }
        }

        // Descending; equal lengths keep their order.
        var lengths = new double[n];
        for (int j = 0; j < n; j++)
        {
            lengths[j] = Math.Sqrt(ColumnMatrix.Dot(work.Column(j), work.Column(j)));
        }

        int[] order = [.. Enumerable.Range(0, n).OrderByDescending(j => lengths[j])];
        return new JacobiSvd(Columns(work, order), Columns(right, order), [.. order.Select(j => lengths[j])]);
    }

    // Rotates columns p and q of both matrices so that those of work are orthogonal; false where they already are.
    private static bool Orthogonalize(ColumnMatrix work, ColumnMatrix right, int p, int q)
    {
        Span<double> x = work.Column(p);
        Span<double> y = work.Column(q);
        double alpha = ColumnMatrix.Dot(x, x);
        double beta = ColumnMatrix.Dot(y, y);
        double gamma = ColumnMatrix.Dot(x, y);
        if (Math.Abs(gamma) <= Tolerance * Math.Sqrt(alpha) * Math.Sqrt(beta))
        {
            return false;
        }

        double zeta = (beta - alpha) / (2 * gamma);
        double t = (zeta < 0 ? -1 : 1) / (Math.Abs(zeta) + Math.Sqrt(1 + (zeta * zeta)));
        double c = 1 / Math.Sqrt(1 + (t * t));
        ColumnMatrix.Rotate(c, c * t, x, y);
        ColumnMatrix.Rotate(c, c * t, right.Column(p), right.Column(q));
        return true;
    }

    private static ColumnMatrix Columns(ColumnMatrix matrix, int[] order)
    {
        var columns = new ColumnMatrix(matrix.Rows, order.Length);
        for (int j = 0; j < order.Length; j++)
        {
            matrix.Column(order[j]).CopyTo(columns.Column(j));
        }

        return columns;
    }
}
