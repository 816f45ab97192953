namespace FedLLM.Numerics.Tests;

public sealed unsafe class GemmTests
{
    private static readonly int[] Sizes = [1, 2, 3, 7, 8, 9, 11, 12, 13, 16, 17, 25, 31, 32, 33, 48, 64, 65, 100];

    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 1, 64, 64 }, { 1, 300, 500 }, { 50, 64, 64 }, { 50, 172, 64 }, { 77, 8, 288 }, { 130, 288, 8 }, { 8, 288, 400 },
        { 288, 8, 400 }, { 13, 33, 1000 }, { 200, 500, 17 }, { 401, 401, 401 }, { 5, 1, 3 }, { 1, 5, 3 }, { 16, 16, 900 }, { 17, 17, 900 },
        { 2, 70, 34 }, { 3, 64, 5 }, { 7, 95, 130 }, { 12, 161, 66 }, { 400, 1, 51 }, { 100, 13, 20 }, { 35, 1600, 20 }, { 1600, 33, 21 },
        { 40, 1000, 530 }, { 13, 2100, 252 }, { 256, 515, 1020 },
    };

    [Fact]
    public void Multiply_RandomShapesStridesAndTeams_IsOneFmaChainPerElement()
    {
        using var two = new Workers(2);
        using var four = new Workers(4);
        Workers?[] teams = [null, two, four];
        for (int trial = 0; trial < 200; trial++)
        {
            var random = new CounterRandom(5, RandomPurpose.DataGeneration, 0, 0, trial);
            int m = Sizes[random.Bits(0) % Sizes.Length];
            int n = Sizes[random.Bits(1) % Sizes.Length];
            int k = Sizes[random.Bits(2) % Sizes.Length] * (random.Bits(3) % 8 == 0 ? 9 : 1);
            var layout = (A: (int)(random.Bits(4) % 3), B: (int)(random.Bits(5) % 3));
            AssertChain(teams[random.Bits(6) % 3], m, n, k, layout.A, layout.B, (int)(random.Bits(7) % 5), random.Bits(8) % 2 == 0, trial);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_TypicalShapes_IsOneFmaChainPerElement(int m, int n, int k)
    {
        using var workers = new Workers(3);
        for (int layout = 0; layout < 9; layout++)
        {
            AssertChain(workers, m, n, k, layout / 3, layout % 3, layout, layout % 2 == 0, layout);
        }
    }

    [Fact]
    public void MultiplyTransposed_RowsAloneAndInABatch_HaveTheSameBits()
    {
        const int M = 61, N = 170, K = 450;
        using var workers = new Workers(2);
        float[] x = Values(M * K, 1);
        float[] w = Values(N * K, 2);
        float[] whole = new float[M * N];
        Gemm.MultiplyTransposed(workers, x, w, whole, M, N, K);
        for (int row = 0; row < M; row++)
        {
            for (int rows = 1; row + rows <= M; rows += 19)
            {
                float[] part = new float[rows * N];
                Gemm.MultiplyTransposed(workers, x.AsSpan(row * K), w, part, rows, N, K);
                Assert.True(part.AsSpan().SequenceEqual(whole.AsSpan(row * N, rows * N)), $"Rows {row} to {row + rows} differ from the batch.");
            }
        }
    }

    [Fact]
    public void DenseForms_SmallMatrices_ComputeTheirFormulas()
    {
        // A = [1 2 3; 4 5 6], B = [1 0; 2 1; 0 3]: A·B = [5 11; 14 23].
        using var workers = new Workers(1);
        float[] a = [1, 2, 3, 4, 5, 6];
        float[] aTransposed = [1, 4, 2, 5, 3, 6];
        float[] b = [1, 0, 2, 1, 0, 3];
        float[] bTransposed = [1, 2, 0, 0, 1, 3];
        float[] c = [100, 100, 100, 100];
        Gemm.Multiply(workers, a, b, c, 2, 2, 3);
        Assert.Equal([5, 11, 14, 23], c);
        Gemm.MultiplyTransposed(workers, a, bTransposed, c, 2, 2, 3, accumulate: true);
        Assert.Equal([10, 22, 28, 46], c);
        Gemm.TransposedMultiply(workers, aTransposed, b, c, 2, 2, 3);
        Assert.Equal([5, 11, 14, 23], c);
    }

    [Fact]
    public void Multiply_EmptyDimensions_ClearsOrKeeps()
    {
        using var workers = new Workers(1);
        float[] c = [1, 2, 3, 4];
        Gemm.Multiply(workers, [], [], c, 2, 2, 0, accumulate: true);
        Assert.Equal([1, 2, 3, 4], c);
        Gemm.Multiply(workers, [], [], c, 1, 2, 0);
        Assert.Equal([0, 0, 3, 4], c);
        Gemm.Multiply(workers, [], [1, 1], [], 0, 2, 1);
    }

    [Fact]
    public void Multiply_NaNInOneRow_StaysInThatRow()
    {
        using var workers = new Workers(1);
        float[] x = Values(40 * 50, 1);
        x[(13 * 50) + 7] = float.NaN;
        float[] y = new float[40 * 45];
        Gemm.MultiplyTransposed(workers, x, Values(45 * 50, 2), y, 40, 45, 50);
        for (int i = 0; i < y.Length; i++)
        {
            Assert.Equal(i / 45 == 13, float.IsNaN(y[i]));
        }
    }

    [Fact]
    public void Multiply_SpanTooShort_Throws()
    {
        using var workers = new Workers(1);
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(workers, new float[5], new float[6], new float[4], 2, 2, 3));
        Assert.Throws<ArgumentException>(() => Gemm.MultiplyTransposed(workers, new float[6], new float[5], new float[4], 2, 2, 3));
        Assert.Throws<ArgumentException>(() => Gemm.TransposedMultiply(workers, new float[6], new float[6], new float[3], 2, 2, 3));
    }

    [Fact]
    public void Multiply_SteadyState_AllocatesNothing()
    {
        using var workers = new Workers(2);
        float[] a = Values(200 * 200, 1);
        float[] c = new float[200 * 200];
        Gemm.Multiply(workers, a, a, c, 200, 200, 200);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            Gemm.Multiply(workers, a, a, c, 200, 200, 200);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    // Layouts: 0 row-major, 1 column-major, 2 both strides above 1. Guard values around C must survive.
    private static void AssertChain(Workers? workers, int m, int n, int k, int layoutA, int layoutB, int gap, bool accumulate, int seed)
    {
        var (aRow, aColumn, aLength) = Layout(m, k, layoutA, gap);
        var (bRow, bColumn, bLength) = Layout(k, n, layoutB, gap);
        int cRow = n + gap;
        float[] a = Values(aLength, seed);
        float[] b = Values(bLength, seed + 1000);
        float[] c = Values((m * cRow) + 16, seed + 2000);
        float[] expected = (float[])c.Clone();
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = accumulate ? expected[(i * cRow) + j] : 0f;
                for (int p = 0; p < k; p++)
                {
                    sum = MathF.FusedMultiplyAdd(a[(i * aRow) + (p * aColumn)], b[(p * bRow) + (j * bColumn)], sum);
                }

                expected[(i * cRow) + j] = sum;
            }
        }

        fixed (float* pa = a, pb = b, pc = c)
        {
            Gemm.Multiply(workers, m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, pc, cRow, accumulate);
        }

        for (int i = 0; i < c.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(c[i]),
                $"{m}x{n}x{k} layouts {layoutA},{layoutB} gap {gap} accumulate {accumulate}: element {i} of row length {cRow} is {c[i]:R}, not {expected[i]:R}.");
        }
    }

    private static (int Row, int Column, int Length) Layout(int rows, int columns, int layout, int gap) => layout switch
    {
        0 => (columns + gap, 1, ((rows - 1) * (columns + gap)) + columns),
        1 => (1, rows + gap, ((columns - 1) * (rows + gap)) + rows),
        _ => (2 * (columns + gap), 2, ((rows - 1) * 2 * (columns + gap)) + (2 * columns)),
    };

    internal static float[] Values(int length, int stream)
    {
        var random = new CounterRandom(3, RandomPurpose.DataGeneration, stream);
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (random.Uniform((ulong)i) * 2) - 1;
        }

        return values;
    }
}
