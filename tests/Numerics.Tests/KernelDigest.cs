using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using FedLLM.Numerics.Decompositions;

namespace FedLLM.Numerics.Tests;

/// <summary>The bits of all kernels over fixed inputs, one digest a kernel, so that processes with different instruction sets can be compared.</summary>
internal static unsafe class KernelDigest
{
    private static readonly CounterRandom Draws = new(17, RandomPurpose.DataGeneration);

    public static string InstructionSets() =>
        $"avx512={Avx512F.IsSupported} avx2={Avx2.IsSupported} fma={Fma.IsSupported} sse2={Sse2.IsSupported}";

    public static IReadOnlyList<string> Compute()
    {
        var lines = new List<string>();
        float[] x = Inputs();
        float[] y = new float[x.Length];
        VectorMath.Exp(x, y);
        lines.Add(Line("exp", y));
        VectorMath.Log(x, y);
        lines.Add(Line("log", y));
        VectorMath.Sigmoid(x, y);
        lines.Add(Line("sigmoid", y));
        VectorMath.Silu(x, y);
        lines.Add(Line("silu", y));
        lines.Add(Line("reduce", Reductions()));
        lines.Add(Line("scalar", Scalars()));
        lines.Add(Line("decompositions", Decompositions()));
        (int M, int N, int K)[] shapes = [(1, 70, 90), (50, 64, 64), (31, 8, 100), (100, 40, 8), (8, 100, 70), (13, 172, 33), (25, 400, 9), (5, 7, 800), (16, 16, 40), (97, 33, 31), (4, 67, 45), (12, 131, 30)];
        foreach (var (m, n, k) in shapes)
        {
            lines.Add(Line($"gemm {m}x{n}x{k}", Products(m, n, k)));
            lines.Add(Line($"gemm bfloat16 {m}x{n}x{k}", NarrowProducts(m, n, k)));
        }

        ushort[] narrow = new ushort[x.Length];
        BFloat16.Narrow(x, narrow);
        BFloat16.Widen(narrow, y);
        lines.Add(Line("bfloat16", y));

        return lines;
    }

    private static float[] Inputs()
    {
        float[] x = new float[6000];
        for (int i = 0; i < 3000; i++)
        {
            x[i] = (Draws.Uniform((ulong)i) * 220) - 110;
            x[i + 3000] = BitConverter.UInt32BitsToSingle(Draws.Bits((ulong)i + 3000));
        }

        float[] special = [0f, -0f, float.NaN, -float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -float.Epsilon, float.MaxValue];
        special.CopyTo(x, 1000);
        return x;
    }

    private static float[] Reductions()
    {
        var values = new List<float>();
        for (int length = 0; length < 100; length += 7)
        {
            float[] a = Values(length, 1);
            float[] b = Values(length, 2);
            double squares = Reduce.SumOfSquaresDouble(a);
            values.AddRange([Reduce.Sum(a), Reduce.Dot(a, b), Reduce.SumOfSquares(a), Reduce.Max(a), (float)squares, (float)(squares - (float)squares)]);
        }

        return [.. values];
    }

    private static float[] Scalars()
    {
        double[] values = new double[5000];
        for (int i = 0; i < values.Length; i += 5)
        {
            double u = Draws.UniformDouble((ulong)i);
            values[i] = ScalarMath.Exp((u * 1500) - 750);
            values[i + 1] = ScalarMath.Log(u * 100);
            values[i + 2] = ScalarMath.Pow(u * 10, (u * 77) - 30);
            values[i + 3] = ScalarMath.Sin((u - 0.5) * 2e6);
            values[i + 4] = ScalarMath.Cos((u - 0.5) * 2e6);
        }

        return MemoryMarshal.Cast<double, float>(values.AsSpan()).ToArray();
    }

    private static float[] Decompositions()
    {
        var matrix = new ColumnMatrix(37, 21);
        for (int j = 0; j < matrix.Columns; j++)
        {
            for (int i = 0; i < matrix.Rows; i++)
            {
                matrix[i, j] = Draws.UniformDouble((ulong)((j * matrix.Rows) + i)) - 0.5;
            }
        }

        HouseholderQr qr = HouseholderQr.Factor(matrix);
        JacobiSvd svd = JacobiSvd.Decompose(qr.R);
        var values = new List<double>(svd.SingularValues);
        for (int j = 0; j < matrix.Columns; j++)
        {
            values.AddRange([.. qr.Q.Column(j), .. svd.ScaledLeft.Column(j), .. svd.Right.Column(j)]);
        }

        return MemoryMarshal.Cast<double, float>(values.ToArray().AsSpan()).ToArray();
    }

    // Every layout of A and B, fresh and accumulated.
    private static float[] Products(int m, int n, int k)
    {
        float[] a = Values(m * k, 3);
        float[] b = Values(k * n, 4);
        float[] all = new float[4 * m * n];
        fixed (float* pa = a, pb = b, pc = all)
        {
            for (int layout = 0; layout < 4; layout++)
            {
                (nint aRow, nint aColumn) = (layout & 1) == 0 ? (k, 1) : (1, m);
                (nint bRow, nint bColumn) = (layout & 2) == 0 ? (n, 1) : (1, k);
                float* c = pc + (layout * m * n);
                Gemm.Multiply(null, m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, c, n, accumulate: false);
                Gemm.Multiply(null, m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, c, n, accumulate: true);
            }
        }

        return all;
    }

    // B in bfloat16, as a layer's forward product and input gradient read it.
    private static float[] NarrowProducts(int m, int n, int k)
    {
        float[] a = Values(m * k, 5);
        ushort[] b = new ushort[k * n];
        BFloat16.Narrow(Values(k * n, 6), b);
        float[] all = new float[2 * m * n];
        fixed (float* pa = a, pc = all)
        {
            fixed (ushort* pb = b)
            {
                Gemm.Multiply(null, m, n, k, pa, k, 1, pb, 1, k, pc, n, accumulate: false);
                Gemm.Multiply(null, m, n, k, pa, k, 1, pb, n, 1, pc + (m * n), n, accumulate: false);
            }
        }

        return all;
    }

    private static float[] Values(int length, int stream)
    {
        var random = new CounterRandom(19, RandomPurpose.DataGeneration, stream);
        return [.. Enumerable.Range(0, length).Select(i => (random.Uniform((ulong)i) * 2) - 1)];
    }

    private static string Line(string name, float[] values) =>
        $"{name} {Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan())))}";
}
