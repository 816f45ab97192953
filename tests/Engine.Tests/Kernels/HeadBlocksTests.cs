using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Kernels;

/// <summary>The head with its loss: against the formula in float64, against the row-by-row kernel, and the same bits however its tokens are cut into blocks.</summary>
public sealed unsafe class HeadBlocksTests
{
    public static TheoryData<int, int, int> Shapes => new() { { 1, 2, 1 }, { 1, 37, 16 }, { 17, 64, 7 }, { 45, 530, 33 }, { 401, 1600, 18 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Run_AnyShape_MatchesTheFormula(int count, int vocabulary, int hidden)
    {
        float[] head = Draw(vocabulary * hidden, 1);
        float[] normed = Draw(count * hidden, 2);
        int[] targets = Targets(count, vocabulary);
        var (logProbabilities, gradient) = Run(new WeightMatrix(head), normed, targets, hidden, threads: 2);
        for (int row = 0; row < count; row++)
        {
            double[] z = [.. Enumerable.Range(0, vocabulary).Select(v => Enumerable.Range(0, hidden).Sum(c => (double)normed[(row * hidden) + c] * head[(v * hidden) + c]))];
            double logSum = z.Max() + Math.Log(z.Sum(v => Math.Exp(v - z.Max())));
            Assert.Equal(z[targets[row]] - logSum, logProbabilities[row], 1e-5 * (1 + Math.Abs(logSum)));
            for (int c = 0; c < hidden; c++)
            {
                double expected = head[(targets[row] * hidden) + c] - Enumerable.Range(0, vocabulary).Sum(v => Math.Exp(z[v] - logSum) * head[(v * hidden) + c]);
                Assert.Equal(expected, gradient[(row * hidden) + c], 1e-5);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Run_AnyShape_LogProbabilitiesAreThoseOfTheScalarRecurrence(int count, int vocabulary, int hidden)
    {
        float[] head = Draw(vocabulary * hidden, 1);
        float[] normed = Draw(count * hidden, 2);
        int[] targets = Targets(count, vocabulary);
        float[] expected = [.. Enumerable.Range(0, count).Select(row => LogProbability(head, normed.AsSpan(row * hidden, hidden), targets[row]))];
        Assert.Equal(expected, Run(new WeightMatrix(head), normed, targets, hidden, threads: 1).LogProbabilities);
    }

    [Fact]
    public void Run_RisingLogits_ScalesWhatWasSummedBefore()
    {
        // The greatest logit grows from part to part, so that every part's sums are scaled down: by so much at the end that the first parts vanish.
        const int Vocabulary = 2000;
        float[] head = [.. Enumerable.Range(0, Vocabulary).Select(v => v * 0.06f)];
        int[] targets = [0, 1000, 1999];
        var (logProbabilities, gradient) = Run(new WeightMatrix(head), [1f, 0.5f, 1f], targets, hidden: 1, threads: 1);
        for (int i = 0; i < targets.Length; i++)
        {
            double scale = i == 1 ? 0.5 : 1;
            double top = head[^1] * scale;
            double sum = head.Sum(w => Math.Exp((w * scale) - top));
            Assert.Equal((head[targets[i]] * scale) - top - Math.Log(sum), logProbabilities[i], 1e-4);
            Assert.Equal(head[targets[i]] - (head.Sum(w => w * Math.Exp((w * scale) - top)) / sum), gradient[i], 1e-3);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Run_ManyTokens_EachAsAlone(int threads)
    {
        const int Count = 407;
        const int Vocabulary = 777;
        const int Hidden = 20;
        var head = new WeightMatrix(Draw(Vocabulary * Hidden, 1));
        float[] normed = Draw(Count * Hidden, 2);
        int[] targets = Targets(Count, Vocabulary);
        var (together, gradient) = Run(head, normed, targets, Hidden, threads);
        for (int i = 0; i < Count; i++)
        {
            var (alone, own) = Run(head, normed[(i * Hidden)..((i + 1) * Hidden)], [targets[i]], Hidden, threads: 1);
            Assert.Equal(alone[0], together[i]);
            Assert.Equal(own, gradient[(i * Hidden)..((i + 1) * Hidden)]);
        }
    }

    [Fact]
    public void Run_BFloat16Head_IsThatOfTheWidenedHead()
    {
        const int Count = 50;
        const int Vocabulary = 400;
        const int Hidden = 31;
        var half = new ushort[Vocabulary * Hidden];
        var widened = new float[half.Length];
        BFloat16.Narrow(Draw(half.Length, 1), half);
        BFloat16.Widen(half, widened);
        float[] normed = Draw(Count * Hidden, 2);
        int[] targets = Targets(Count, Vocabulary);
        var expected = Run(new WeightMatrix(widened), normed, targets, Hidden, threads: 2);
        var actual = Run(new WeightMatrix(half), normed, targets, Hidden, threads: 2);
        Assert.Equal(expected.LogProbabilities, actual.LogProbabilities);
        Assert.Equal(expected.Gradient, actual.Gradient);
    }

    [Fact]
    public void Run_NaNRow_StaysThere()
    {
        const int Hidden = 4;
        float[] normed = Draw(3 * Hidden, 2);
        normed[Hidden] = float.NaN;
        var (logProbabilities, gradient) = Run(new WeightMatrix(Draw(50 * Hidden, 1)), normed, [1, 2, 3], Hidden, threads: 1);
        Assert.Equal([false, true, false], logProbabilities.Select(float.IsNaN));
        Assert.All(gradient.Index(), g => Assert.Equal(g.Index / Hidden == 1, float.IsNaN(g.Item)));
    }

    private static (float[] LogProbabilities, float[] Gradient) Run(WeightMatrix head, float[] normed, int[] targets, int hidden, int threads)
    {
        using var workers = new Workers(threads);
        var blocks = new HeadBlocks(head, head.Length / hidden, hidden, workers);
        float[] padded = [.. normed, .. new float[HeadBlocks.PaddingRows * hidden]];
        var logProbabilities = new float[targets.Length];
        var gradient = new float[normed.Length];
        var scored = new float[targets.Length];
        fixed (float* x = padded, p = logProbabilities, g = gradient, s = scored)
        fixed (int* t = targets)
        {
            blocks.Run(x, t, targets.Length, p, g);
            blocks.Run(x, t, targets.Length, s, null);
        }

        Assert.Equal(logProbabilities, scored);
        return (logProbabilities, gradient);
    }

    // One token, part by part: z by chains of fma; a raised maximum scales the sixteen sums; at the end the tree over them.
    private static float LogProbability(float[] head, ReadOnlySpan<float> row, int target)
    {
        const int PartRows = 384;
        int vocabulary = head.Length / row.Length;
        var z = new float[vocabulary];
        for (int v = 0; v < vocabulary; v++)
        {
            for (int c = 0; c < row.Length; c++)
            {
                z[v] = MathF.FusedMultiplyAdd(head[(v * row.Length) + c], row[c], z[v]);
            }
        }

        float max = float.NegativeInfinity;
        var sums = new float[16];
        for (int from = 0; from < vocabulary; from += PartRows)
        {
            int end = Math.Min(from + PartRows, vocabulary);
            float raised = Math.Max(max, z[from..end].Max());
            float factor = from == 0 ? 1f : Exp(max - raised);
            max = raised;
            for (int lane = 0; lane < 16; lane++)
            {
                sums[lane] *= factor;
            }

            for (int v = from; v < end; v++)
            {
                sums[v % 16] += Exp(z[v] - max);
            }
        }

        for (int half = 8; half > 0; half /= 2)
        {
            for (int lane = 0; lane < half; lane++)
            {
                sums[lane] += sums[lane + half];
            }
        }

        Span<float> log = stackalloc float[1];
        VectorMath.Log(sums.AsSpan(0, 1), log);
        return z[target] - max - log[0];
    }

    private static float Exp(float x)
    {
        Span<float> value = [x];
        VectorMath.Exp(value, value);
        return value[0];
    }

    private static int[] Targets(int count, int vocabulary) => [.. Enumerable.Range(0, count).Select(i => i * 7 % vocabulary)];

    private static float[] Draw(int count, int stream)
    {
        var random = new CounterRandom(5, RandomPurpose.DataGeneration, stream);
        return [.. Enumerable.Range(0, count).Select(i => (2 * random.Uniform((ulong)i)) - 1)];
    }
}
