using FedLLM.Engine.Kernels;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Kernels;

/// <summary>The kernels between the large ones, and attention over a shared prefix, against what they are by definition.</summary>
public sealed unsafe class SmallKernelTwinTests
{
    private static readonly Workers Two = new(2);

    public static TheoryData<int, int> Shapes => new() { { 1, 1 }, { 3, 7 }, { 2, 16 }, { 5, 17 }, { 33, 100 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RowOperations_MatchTheirDefinitions(int rows, int size)
    {
        float[] a = Draw(rows * size, 1);
        float[] b = Draw(rows * size, 2);
        float[] vector = Draw(size, 3);
        float[] factors = Draw(rows, 4);
        var sum = new float[a.Length];
        float[] biased = (float[])a.Clone();
        float[] columns = (float[])vector.Clone();
        float[] scaled = (float[])a.Clone();
        float[] whole = (float[])a.Clone();
        fixed (float* pa = a, pb = b, ps = sum, pv = vector, pbias = biased, pc = columns, pf = factors, pscaled = scaled, pw = whole)
        {
            Elementwise.Add(Two, pa, pb, ps, a.Length);
            Elementwise.AddBias(Two, pv, pbias, rows, size);
            Elementwise.SumColumns(Two, pa, pc, rows, size);
            Elementwise.ScaleRows(Two, pf, pscaled, rows, size);
            Elementwise.Scale(pw, 0.3f, whole.Length);
        }

        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < size; j++)
            {
                int i = (row * size) + j;
                Assert.Equal(a[i] + b[i], sum[i]);
                Assert.Equal(a[i] + vector[j], biased[i]);
                Assert.Equal(a[i] * factors[row], scaled[i]);
                Assert.Equal(a[i] * 0.3f, whole[i]);
            }
        }

        for (int j = 0; j < size; j++)
        {
            float expected = vector[j];
            for (int row = 0; row < rows; row++)
            {
                expected += a[(row * size) + j];
            }

            Assert.Equal(expected, columns[j]);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void GatherAndScatter_RepeatedRows_AreCopiedAndAdded(int rows, int size)
    {
        const int TableRows = 4;
        float[] table = Draw(TableRows * size, 5);
        int[] indices = [.. Enumerable.Range(0, rows).Select(row => (row * 3) % (TableRows - 1))]; // the last row is never named
        var gathered = new float[rows * size];
        var fromMatrix = new float[rows * size];
        float[] added = (float[])table.Clone();
        fixed (float* pt = table, pg = gathered, pm = fromMatrix, pa = added)
        fixed (int* pi = indices)
        {
            Elementwise.Gather(Two, pt, pi, pg, rows, size);
            Elementwise.Gather(Two, new WeightMatrix(table), pi, pm, rows, size);
            Elementwise.Scatter(Two, pg, pi, pa, rows, size);
        }

        Assert.Equal(gathered, fromMatrix);
        float[] expected = (float[])table.Clone();
        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < size; j++)
            {
                Assert.Equal(table[(indices[row] * size) + j], gathered[(row * size) + j]);
                expected[(indices[row] * size) + j] += gathered[(row * size) + j];
            }
        }

        Assert.Equal(expected, added);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(3, 10)]
    public void Rotary_TurnsEveryPairByItsAngle(int heads, int size)
    {
        int[] positions = [0, 5, 1, 200];
        float[] x = Draw(positions.Length * heads * size, 6);
        float[] turned = (float[])x.Clone();
        var rotary = new Rotary(size, 10_000);
        fixed (float* px = turned)
        fixed (int* pp = positions)
        {
            rotary.Apply(Two, px, pp, positions.Length, heads, 1);
        }

        for (int row = 0; row < positions.Length; row++)
        {
            for (int head = 0; head < heads; head++)
            {
                for (int i = 0; i < size / 2; i++)
                {
                    double angle = positions[row] * Math.Pow(10_000, -2.0 * i / size);
                    int first = (((row * heads) + head) * size) + i;
                    int second = first + (size / 2);
                    Assert.Equal((x[first] * Math.Cos(angle)) - (x[second] * Math.Sin(angle)), turned[first], 2e-5);
                    Assert.Equal((x[second] * Math.Cos(angle)) + (x[first] * Math.Sin(angle)), turned[second], 2e-5);
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(30, 9)]
    [InlineData(64, 65)]
    [InlineData(100, 1)]
    public void Attention_SharedPrefix_HasTheBitsOfTheWholeSequence(int prefix, int own)
    {
        const int Heads = 4;
        const int Groups = 2;
        const int Size = 6;
        const int First = 3; // further rows of the sequence that owns the prefix
        int rows = prefix + First + own;
        float[] q = Draw(rows * Heads * Size, 7);
        float[] k = Draw(rows * Groups * Size, 8);
        float[] v = Draw(rows * Groups * Size, 9);
        float[] shared = Run(
            [new(0, prefix + First, prefix + First), new(prefix + First, own, own) { PrefixRow = 0, PrefixCount = prefix }], q, k, v);

        // The same sequence whole: the prefix's rows, then its own.
        float[] whole = Run([new(0, prefix + own, prefix + own)], Whole(q, Heads), Whole(k, Groups), Whole(v, Groups));
        int width = Heads * Size;
        Assert.Equal(whole.AsSpan(prefix * width).ToArray().AsEnumerable(), shared.AsSpan((prefix + First) * width).ToArray());

        float[] Whole(float[] x, int parts) => [.. x.AsSpan(0, prefix * parts * Size), .. x.AsSpan((prefix + First) * parts * Size)];

        static float[] Run(AttentionSpan[] spans, float[] q, float[] k, float[] v)
        {
            var y = new float[q.Length];
            var logSumExp = new float[q.Length / Size];
            fixed (float* pq = q, pk = k, pv = v, py = y, pl = logSumExp)
            {
                new Attention(Heads, Groups, Size).Forward(Two, spans, pq, pk, pv, py, pl);
            }

            return y;
        }
    }

    private static float[] Draw(int count, long stream)
    {
        var random = new CounterRandom(44, RandomPurpose.DataGeneration, step: stream);
        return [.. Enumerable.Range(0, count).Select(i => (2 * random.Uniform((ulong)i)) - 1)];
    }
}
