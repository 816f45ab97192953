using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Decompositions;

/// <summary>A dense float64 matrix stored column after column: what the decompositions work on.</summary>
public sealed class ColumnMatrix
{
    private readonly double[] _values;

    /// <summary>Makes a matrix of zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is below 1.</exception>
    public ColumnMatrix(int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        (Rows, Columns) = (rows, columns);
        _values = new double[checked(rows * columns)];
    }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Number of columns.</summary>
    public int Columns { get; }

    /// <summary>One element.</summary>
    public double this[int row, int column]
    {
        get => _values[(column * Rows) + row];
        set => _values[(column * Rows) + row] = value;
    }

    /// <summary>The elements of one column.</summary>
    public Span<double> Column(int column) => _values.AsSpan(column * Rows, Rows);

    /// <summary>Copies the matrix.</summary>
    public ColumnMatrix Clone()
    {
        var copy = new ColumnMatrix(Rows, Columns);
        _values.CopyTo(copy._values, 0);
        return copy;
    }

    /// <summary>Returns left · right: each element is Σ_k left[i,k] · right[k,j] over ascending k, every product and sum rounded.</summary>
    /// <exception cref="ArgumentException">The inner dimensions differ.</exception>
    public static ColumnMatrix Product(ColumnMatrix left, ColumnMatrix right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.Columns != right.Rows)
        {
            throw new ArgumentException($"{left.Columns} columns cannot meet {right.Rows} rows.", nameof(right));
        }

        var product = new ColumnMatrix(left.Rows, right.Columns);
        for (int j = 0; j < right.Columns; j++)
        {
            for (int k = 0; k < left.Columns; k++)
            {
                AddScaled(right[k, j], left.Column(k), product.Column(j));
            }
        }

        return product;
    }

    /// <summary>Returns Σ x·y along one tree of eight lanes: lane l takes elements l, l + 8, …, and the lanes fold 8 → 4 → 2 → 1.</summary>
    public static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        ref double p = ref MemoryMarshal.GetReference(x);
        ref double q = ref MemoryMarshal.GetReference(y);
        Vector512<double> lanes = Vector512<double>.Zero;
        int i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            lanes += Vector512.LoadUnsafe(ref p, (nuint)i) * Vector512.LoadUnsafe(ref q, (nuint)i);
        }

        Span<double> rest = stackalloc double[8];
        lanes.CopyTo(rest);
        for (int l = 0; i < x.Length; i++, l++)
        {
            rest[l] += x[i] * y[i];
        }

        return ((rest[0] + rest[4]) + (rest[2] + rest[6])) + ((rest[1] + rest[5]) + (rest[3] + rest[7]));
    }

    /// <summary>y ← y + factor · x, the product rounded first.</summary>
    public static void AddScaled(double factor, ReadOnlySpan<double> x, Span<double> y)
    {
        ref double p = ref MemoryMarshal.GetReference(x);
        ref double q = ref MemoryMarshal.GetReference(y);
        Vector512<double> factors = Vector512.Create(factor);
        int i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            (Vector512.LoadUnsafe(ref q, (nuint)i) + (factors * Vector512.LoadUnsafe(ref p, (nuint)i))).StoreUnsafe(ref q, (nuint)i);
        }

        for (; i < x.Length; i++)
        {
            y[i] += factor * x[i];
        }
    }

    /// <summary>(x, y) ← (c·x - s·y, s·x + c·y).</summary>
    internal static void Rotate(double c, double s, Span<double> x, Span<double> y)
    {
        ref double p = ref MemoryMarshal.GetReference(x);
        ref double q = ref MemoryMarshal.GetReference(y);
        Vector512<double> cosine = Vector512.Create(c);
        Vector512<double> sine = Vector512.Create(s);
        int i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            Vector512<double> u = Vector512.LoadUnsafe(ref p, (nuint)i);
            Vector512<double> v = Vector512.LoadUnsafe(ref q, (nuint)i);
            ((cosine * u) - (sine * v)).StoreUnsafe(ref p, (nuint)i);
            ((sine * u) + (cosine * v)).StoreUnsafe(ref q, (nuint)i);
        }

        for (; i < x.Length; i++)
        {
            double u = x[i];
            double v = y[i];
            x[i] = (c * u) - (s * v);
            y[i] = (s * u) + (c * v);
        }
    }
}
