namespace FedLLM.Numerics.Decompositions;

/// <summary>
/// A = Q·R by Householder reflections (Golub and Van Loan, "Matrix Computations", 4th edition, algorithm 5.2.1), in float64, in one fixed order:
/// the same bits on every machine.
/// </summary>
/// <remarks>
/// With A [m,n] and k = min(m, n): Q [m,k] has orthonormal columns also where A has not full rank, R [k,n] is upper trapezoidal. Cost about 4·m·n·k operations.
/// </remarks>
public sealed class HouseholderQr
{
    private HouseholderQr(ColumnMatrix q, ColumnMatrix r) => (Q, R) = (q, r);

    /// <summary>The orthonormal columns, [m, min(m, n)].</summary>
    public ColumnMatrix Q { get; }

    /// <summary>The upper trapezoid, [min(m, n), n].</summary>
    public ColumnMatrix R { get; }

    /// <summary>Factors <paramref name="matrix"/>, which stays as it is; its elements must be finite.</summary>
    public static HouseholderQr Factor(ColumnMatrix matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ColumnMatrix a = matrix.Clone();
        int k = Math.Min(a.Rows, a.Columns);
        var reflectors = new ColumnMatrix(a.Rows, k); // column j is v_j, zero above row j
        var factors = new double[k]; // 2 / v·v; 0 where nothing is reflected
        for (int j = 0; j < k; j++)
        {
            ReadOnlySpan<double> x = a.Column(j)[j..];
            double norm = Math.Sqrt(ColumnMatrix.Dot(x, x));
            if (norm == 0)
            {
                continue;
            }

            Span<double> v = reflectors.Column(j)[j..];
            x.CopyTo(v);
            v[0] += x[0] < 0 ? -norm : norm;
            factors[j] = 2 / ColumnMatrix.Dot(v, v);
            for (int c = j; c < a.Columns; c++)
            {
                Reflect(v, factors[j], a.Column(c)[j..]);
            }
        }

        var r = new ColumnMatrix(k, a.Columns);
        for (int c = 0; c < a.Columns; c++)
        {
            a.Column(c)[..Math.Min(c + 1, k)].CopyTo(r.Column(c));
        }

        // Column c of Q is H_0 ··· H_c e_c: the later reflections leave e_c alone.
        var q = new ColumnMatrix(a.Rows, k);
        for (int c = 0; c < k; c++)
        {
            q[c, c] = 1;
            for (int j = c; j >= 0; j--)
            {
                Reflect(reflectors.Column(j)[j..], factors[j], q.Column(c)[j..]);
            }
        }

        return new HouseholderQr(q, r);
    }

    private static void Reflect(ReadOnlySpan<double> v, double factor, Span<double> x)
    {
        if (factor != 0)
        {
            ColumnMatrix.AddScaled(-(factor * ColumnMatrix.Dot(v, x)), v, x);
        }
    }
}
