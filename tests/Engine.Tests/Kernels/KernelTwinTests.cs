using FedLLM.Engine.Kernels;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Kernels;

/// <summary>Each kernel against a scalar float64 twin of its formula, at widths around the vector's: relative error within a few float32 roundings.</summary>
public sealed unsafe class KernelTwinTests
{
    private static readonly Workers Two = new(2);

    public static TheoryData<int, int> Shapes => new() { { 1, 1 }, { 3, 7 }, { 2, 16 }, { 5, 17 }, { 4, 64 }, { 33, 100 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RmsNorm_ForwardAndBackward_MatchTheFormula(int rows, int size)
    {
        const float Epsilon = 1e-5f;
        float[] x = Draw(rows * size, 1);
        float[] w = Draw(size, 2);
        float[] dy = Draw(rows * size, 3);
        float[] before = Draw(rows * size, 4);
        var y = new float[rows * size];
        var inverse = new float[rows];
        float[] dx = (float[])before.Clone();
        var dw = new float[size];
        fixed (float* px = x, pw = w, pdy = dy, py = y, pi = inverse, pdx = dx, pdw = dw)
        {
            RmsNorm.Forward(Two, px, pw, py, pi, rows, size, Epsilon);
            RmsNorm.Backward(Two, pdy, px, pi, pw, pdx, rows, size);
            RmsNorm.BackwardWeight(Two, pdy, px, pi, pdw, rows, size);
        }

        for (int j = 0; j < size; j++)
        {
            double expected = 0;
            for (int row = 0; row < rows; row++)
            {
                expected += dy[(row * size) + j] * (double)x[(row * size) + j] * Inverse(row);
            }

            Close(expected, dw[j], rows);
        }

        for (int row = 0; row < rows; row++)
        {
            double r = Inverse(row);
            double dot = Enumerable.Range(0, size).Sum(j => (double)dy[(row * size) + j] * w[j] * x[(row * size) + j]);
            for (int j = 0; j < size; j++)
            {
                int i = (row * size) + j;
                Close(x[i] * r * w[j], y[i], 1);
                Close(before[i] + (r * w[j] * dy[i]) - (x[i] * r * r * r * dot / size), dx[i], 4);
            }
        }

        double Inverse(int row) => 1 / Math.Sqrt((Enumerable.Range(0, size).Sum(j => (double)x[(row * size) + j] * x[(row * size) + j]) / size) + Epsilon);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void SwiGlu_ForwardAndBackward_MatchTheFormula(int rows, int size)
    {
        int count = rows * size;
        float[] gate = Draw(count, 5, 4);
        float[] up = Draw(count, 6);
        float[] dy = Draw(count, 7);
        var y = new float[count];
        float[] dGate = (float[])gate.Clone();
        float[] dUp = (float[])up.Clone();
        fixed (float* pg = gate, pu = up, py = y, pdy = dy, pdg = dGate, pdu = dUp)
        {
            SwiGlu.Forward(Two, pg, pu, py, count);
            SwiGlu.Backward(Two, pdy, pdg, pdu, count);
        }

        for (int i = 0; i < count; i++)
        {
            double sigmoid = 1 / (1 + Math.Exp(-gate[i]));
            Close(gate[i] * sigmoid * up[i], y[i], 1);
            Close(dy[i] * gate[i] * sigmoid, dUp[i], 1);
            Close(dy[i] * up[i] * sigmoid * (1 + (gate[i] * (1 - sigmoid))), dGate[i], 2);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void CrossEntropy_LogProbabilityAndGradient_MatchTheFormula(int rows, int vocabulary)
    {
        float[] logits = Draw(rows * vocabulary, 8, 6);
        const float Factor = -0.37f;
        int[] targets = [.. Enumerable.Range(0, rows).Select(row => (row * 7) % vocabulary)];
        float[] gradient = (float[])logits.Clone();
        var logProbabilities = new float[rows];
        fixed (float* pg = gradient, pl = logProbabilities)
        fixed (int* ps = targets)
        {
            CrossEntropy.LogProbabilitiesAndGradient(Two, pg, ps, Factor, pl, rows, vocabulary);
        }

        for (int row = 0; row < rows; row++)
        {
            double[] z = [.. logits.Skip(row * vocabulary).Take(vocabulary).Select(v => (double)v)];
            double logSum = z.Max() + Math.Log(z.Sum(v => Math.Exp(v - z.Max())));
            Close(z[targets[row]] - logSum, logProbabilities[row], 10);
            for (int i = 0; i < vocabulary; i++)
            {
                Close(Factor * ((i == targets[row] ? 1 : 0) - Math.Exp(z[i] - logSum)), gradient[(row * vocabulary) + i], 1);
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 2)]
    [InlineData(1, 2, 1, 6)]
    [InlineData(17, 3, 3, 8)]
    [InlineData(65, 4, 2, 16)]
    [InlineData(130, 6, 1, 18)]
    public void Attention_ForwardAndBackward_MatchTheFormula(int length, int heads, int groups, int size)
    {
        // Two sequences in one batch: the one under test stands second, behind 5 rows of another.
        const int Other = 5;
        int rows = Other + length;
        float[] q = Draw(rows * heads * size, 10);
        float[] k = Draw(rows * groups * size, 11);
        float[] v = Draw(rows * groups * size, 12);
        float[] dO = Draw(rows * heads * size, 13);
        var o = new float[q.Length];
        var logSumExp = new float[rows * heads];
        var dq = new float[q.Length];
        var dk = new float[k.Length];
        var dv = new float[v.Length];
        AttentionSpan[] spans = [new(0, Other, Other), new(Other, length, length)];
        var attention = new Attention(heads, groups, size);
        fixed (float* pq = q, pk = k, pv = v, po = o, pl = logSumExp, pdo = dO, pdq = dq, pdk = dk, pdv = dv)
        {
            attention.Forward(Two, spans, pq, pk, pv, po, pl);
            attention.Backward(Two, spans, pq, pk, pv, pl, pdo, pdq, pdk, pdv);
        }

        var expectedDk = new double[length * groups * size];
        var expectedDv = new double[length * groups * size];
        double scale = 1 / Math.Sqrt(size);
        for (int head = 0; head < heads; head++)
        {
            int group = head / (heads / groups);
            for (int i = 0; i < length; i++)
            {
                double[] scores = [.. Enumerable.Range(0, i + 1).Select(j => scale * Enumerable.Range(0, size).Sum(c => (double)Q(i, head, c) * K(j, group, c)))];
                double sum = scores.Sum(s => Math.Exp(s - scores.Max()));
                double[] p = [.. scores.Select(s => Math.Exp(s - scores.Max()) / sum)];
                Close(scores.Max() + Math.Log(sum), logSumExp[((Other + i) * heads) + head], 10);
                double[] dp = [.. Enumerable.Range(0, i + 1).Select(j => Enumerable.Range(0, size).Sum(c => (double)dO[Index(i, head, c)] * V(j, group, c)))];
                double mean = p.Zip(dp, (a, b) => a * b).Sum();
                for (int c = 0; c < size; c++)
                {
                    Close(Enumerable.Range(0, i + 1).Sum(j => p[j] * V(j, group, c)), o[Index(i, head, c)], 10);
                    Close(Enumerable.Range(0, i + 1).Sum(j => p[j] * (dp[j] - mean) * scale * K(j, group, c)), dq[Index(i, head, c)], 10);
                    for (int j = 0; j <= i; j++)
                    {
                        expectedDk[(((j * groups) + group) * size) + c] += p[j] * (dp[j] - mean) * scale * Q(i, head, c);
                        expectedDv[(((j * groups) + group) * size) + c] += p[j] * dO[Index(i, head, c)];
                    }
                }
            }
        }

        int first = Other * groups * size;
        for (int i = 0; i < expectedDk.Length; i++)
        {
            Close(expectedDk[i], dk[first + i], 50);
            Close(expectedDv[i], dv[first + i], 50);
        }

        int Index(int i, int head, int c) => ((((Other + i) * heads) + head) * size) + c;
        float Q(int i, int head, int c) => q[Index(i, head, c)];
        float K(int j, int group, int c) => k[((((Other + j) * groups) + group) * size) + c];
        float V(int j, int group, int c) => v[((((Other + j) * groups) + group) * size) + c];
    }

    [Fact]
    public void Dropout_HalfKept_ScalesAndRepeats()
    {
        const int Rows = 40;
        const int Size = 51;
        float[] x = [.. Enumerable.Repeat(1f, Rows * Size)];
        var y = new float[x.Length];
        var dx = new float[x.Length];
        var stream = new DropoutStream(new CounterRandom(1, RandomPurpose.Dropout), 0.5, FirstRow: 4);
        fixed (float* px = x, py = y, pdx = dx)
        {
            Dropout.Apply(stream, module: 3, row: 5, px, py, Rows, Size);
            Dropout.Backward(stream, module: 3, row: 5, px, pdx, Rows, Size);
        }

        Assert.Equal(y, dx); // the same mask, drawn again
        Assert.All(y, v => Assert.True(v is 0f or 2f));
        Assert.InRange(y.Count(v => v == 0), 0.42 * y.Length, 0.58 * y.Length); // ± 7 standard deviations
        var shifted = new float[x.Length];
        fixed (float* px = x, ps = shifted)
        {
            Dropout.Apply(stream, module: 3, row: 6, px, ps, Rows, Size);
        }

        Assert.Equal(y.AsSpan(Size).ToArray(), shifted.AsSpan(0, y.Length - Size).ToArray()); // a row's mask is its number's, not its place's
    }

    private static float[] Draw(int count, long stream, float scale = 1)
    {
        var random = new CounterRandom(42, RandomPurpose.DataGeneration, step: stream);
        return [.. Enumerable.Range(0, count).Select(i => scale * ((2 * random.Uniform((ulong)i)) - 1))];
    }

    private static void Close(double expected, double actual, double magnitude)
        => Assert.True(Math.Abs(expected - actual) <= 2e-6 * Math.Max(magnitude, Math.Abs(expected)), $"Expected {expected}, got {actual}.");
}
