using FedLLM.Numerics.Decompositions;

namespace FedLLM.Numerics.Tests.Decompositions;

public sealed class DecompositionTests
{
    private const double Tolerance = 1e-13; // of the matrix's norm, which is about 10 at the largest

    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 9, 4, 4 }, { 4, 9, 4 }, { 33, 17, 5 }, { 17, 33, 5 }, { 40, 40, 40 }, { 8, 8, 1 }, { 6, 5, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Factor_AnyShapeAndRank_GivesTheMatrixBack(int rows, int columns, int rank)
    {
        ColumnMatrix a = Random(rows, columns, rank, seed: 1);
        HouseholderQr qr = HouseholderQr.Factor(a);
        int k = Math.Min(rows, columns);
        Assert.Equal((rows, k, k, columns), (qr.Q.Rows, qr.Q.Columns, qr.R.Rows, qr.R.Columns));
        RequireEqual(a, ColumnMatrix.Product(qr.Q, qr.R));
        RequireOrthonormal(qr.Q);
        for (int j = 0; j < columns; j++)
        {
            for (int i = j + 1; i < k; i++)
            {
                Assert.Equal(0, qr.R[i, j]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Decompose_AnyShapeAndRank_GivesTheMatrixBack(int rows, int columns, int rank)
    {
        ColumnMatrix a = Random(rows, columns, rank, seed: 2);
        JacobiSvd svd = JacobiSvd.Decompose(a);
        RequireOrthonormal(svd.Right);
        RequireEqual(a, ColumnMatrix.Product(svd.ScaledLeft, Transposed(svd.Right)));
        for (int i = 0; i < columns; i++)
        {
            Assert.True(i == 0 || svd.SingularValues[i] <= svd.SingularValues[i - 1]);
            Assert.Equal(svd.SingularValues[i], Math.Sqrt(ColumnMatrix.Dot(svd.ScaledLeft.Column(i), svd.ScaledLeft.Column(i))), Tolerance);
            Assert.True(i < rank || svd.SingularValues[i] < Tolerance, $"Singular value {i} of a matrix of rank {rank} is {svd.SingularValues[i]}.");
            for (int j = 0; j < i; j++)
            {
                double scale = svd.SingularValues[i] * svd.SingularValues[j];
                Assert.Equal(0, ColumnMatrix.Dot(svd.ScaledLeft.Column(i), svd.ScaledLeft.Column(j)), (2e-14 * scale) + 1e-28);
            }
        }
    }

    [Fact]
    public void Decompose_ByHand_HasTheKnownValues()
    {
        // [3 0; 4 5]: AᵀA = [25 20; 20 25], eigenvalues 45 and 5.
        var a = new ColumnMatrix(2, 2) { [0, 0] = 3, [1, 0] = 4, [1, 1] = 5 };
        JacobiSvd svd = JacobiSvd.Decompose(a);
        Assert.Equal(Math.Sqrt(45), svd.SingularValues[0], Tolerance);
        Assert.Equal(Math.Sqrt(5), svd.SingularValues[1], Tolerance);
        Assert.Equal(Math.Sqrt(0.5), Math.Abs(svd.Right[0, 0]), Tolerance);
    }

    [Fact]
    public void Factor_ByHand_HasTheKnownValues()
    {
        // The column (3, 4) is reflected onto -5 e_1: R = -5, Q = -(3, 4) / 5.
        var a = new ColumnMatrix(2, 1) { [0, 0] = 3, [1, 0] = 4 };
        HouseholderQr qr = HouseholderQr.Factor(a);
        Assert.Equal(-5, qr.R[0, 0], Tolerance);
        Assert.Equal(-0.6, qr.Q[0, 0], Tolerance);
        Assert.Equal(-0.8, qr.Q[1, 0], Tolerance);
    }

    [Fact]
    public void Dot_AnyLength_FollowsTheTreeOfEightLanes()
    {
        for (int length = 0; length < 40; length++)
        {
            var random = new CounterRandom(3, RandomPurpose.DataGeneration, length);
            double[] x = [.. Enumerable.Range(0, length).Select(i => random.UniformDouble((ulong)i) - 0.5)];
            double[] y = [.. Enumerable.Range(length, length).Select(i => random.UniformDouble((ulong)i) - 0.5)];
            var lanes = new double[8];
            for (int i = 0; i < length; i++)
            {
                lanes[i % 8] += x[i] * y[i];
            }

            double expected = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
            Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(ColumnMatrix.Dot(x, y)));
        }
    }

    [Fact]
    public void ColumnMatrix_ShapesThatDoNotFit_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ColumnMatrix(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ColumnMatrix(1, 0));
        Assert.Throws<ArgumentException>(() => ColumnMatrix.Product(new ColumnMatrix(2, 3), new ColumnMatrix(2, 3)));
    }

    // A product of random factors: of the given rank.
    private static ColumnMatrix Random(int rows, int columns, int rank, ulong seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration, rows, columns);
        ulong position = 0;
        var left = new ColumnMatrix(rows, Math.Max(rank, 1));
        var right = new ColumnMatrix(Math.Max(rank, 1), columns);
        foreach (ColumnMatrix factor in rank == 0 ? [] : new[] { left, right })
        {
            for (int j = 0; j < factor.Columns; j++)
            {
                for (int i = 0; i < factor.Rows; i++)
                {
                    factor[i, j] = random.UniformDouble(position++) - 0.5;
                }
            }
        }

        return ColumnMatrix.Product(left, right);
    }

    private static ColumnMatrix Transposed(ColumnMatrix a)
    {
        var t = new ColumnMatrix(a.Columns, a.Rows);
        for (int j = 0; j < a.Columns; j++)
        {
            for (int i = 0; i < a.Rows; i++)
            {
                t[j, i] = a[i, j];
            }
        }

        return t;
    }

    private static void RequireEqual(ColumnMatrix expected, ColumnMatrix actual)
    {
        for (int j = 0; j < expected.Columns; j++)
        {
            for (int i = 0; i < expected.Rows; i++)
            {
                Assert.Equal(expected[i, j], actual[i, j], Tolerance);
            }
        }
    }

    private static void RequireOrthonormal(ColumnMatrix q)
    {
        for (int i = 0; i < q.Columns; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                Assert.Equal(i == j ? 1 : 0, ColumnMatrix.Dot(q.Column(i), q.Column(j)), Tolerance);
            }
        }
    }
}
