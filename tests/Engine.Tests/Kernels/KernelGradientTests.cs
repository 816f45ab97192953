using FedLLM.Engine.Kernels;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Kernels;

/// <summary>
/// Each kernel's backward pass against central finite differences of its own forward pass: for L = Σ dy ⊙ y, along the gradient by each input
/// (<see cref="GradientTests.AssertDirectional"/>). The formula plays no part, so a formula misread twice would show.
/// </summary>
public sealed unsafe class KernelGradientTests
{
    private static readonly Workers Two = new(2);

    [Theory]
    [InlineData(1, 2)]
    [InlineData(3, 17)]
    [InlineData(9, 64)]
    public void RmsNorm_InputAndWeight(int rows, int size)
    {
        float[] x = Draw(rows * size, 1);
        float[] w = Draw(size, 2);
        float[] dy = Draw(rows * size, 3);
        var y = new float[x.Length];
        var inverse = new float[rows];
        var dx = new float[x.Length];
        var dw = new float[size];
        double Loss()
        {
            fixed (float* px = x, pw = w, py = y, pi = inverse)
            {
                RmsNorm.Forward(Two, px, pw, py, pi, rows, size, 1e-5f);
            }

            return Dot(dy, y);
        }

        Loss();
        fixed (float* px = x, pw = w, pdy = dy, pi = inverse, pdx = dx, pdw = dw)
        {
            RmsNorm.Backward(Two, pdy, px, pi, pw, pdx, rows, size);
            RmsNorm.BackwardWeight(Two, pdy, px, pi, pdw, rows, size);
        }

        GradientTests.AssertDirectional(x, dx, Loss, "x");
        GradientTests.AssertDirectional(w, dw, Loss, "w");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(51)]
    public void SwiGlu_GateAndUp(int count)
    {
        float[] gate = Draw(count, 4, 3);
        float[] up = Draw(count, 5);
        float[] dy = Draw(count, 6);
        var y = new float[count];
        float[] dGate = (float[])gate.Clone();
        float[] dUp = (float[])up.Clone();
        fixed (float* pdy = dy, pg = dGate, pu = dUp)
        {
            SwiGlu.Backward(Two, pdy, pg, pu, count);
        }

        double Loss()
        {
            fixed (float* pg = gate, pu = up, py = y)
            {
                SwiGlu.Forward(Two, pg, pu, py, count);
            }

            return Dot(dy, y);
        }

        GradientTests.AssertDirectional(gate, dGate, Loss, "gate");
        GradientTests.AssertDirectional(up, dUp, Loss, "up");
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(4, 37)]
    public void CrossEntropy_Logits(int rows, int vocabulary)
    {
        const float Factor = -0.7f;
        float[] logits = Draw(rows * vocabulary, 7, 3);
        int[] targets = [.. Enumerable.Range(0, rows).Select(row => (row * 5) % vocabulary)];
        var logProbabilities = new float[rows];
        float[] gradient = (float[])logits.Clone();
        fixed (float* pg = gradient, pl = logProbabilities)
        fixed (int* pt = targets)
        {
            CrossEntropy.LogProbabilitiesAndGradient(Two, pg, pt, Factor, pl, rows, vocabulary);
        }

        double Loss()
        {
            float[] overwritten = (float[])logits.Clone();
            fixed (float* pz = overwritten, pl = logProbabilities)
            fixed (int* pt = targets)
            {
                CrossEntropy.LogProbabilitiesAndGradient(Two, pz, pt, 1, pl, rows, vocabulary);
            }

            return Factor * logProbabilities.Sum(v => (double)v);
        }

        GradientTests.AssertDirectional(logits, gradient, Loss, "logits");
    }

    [Fact]
    public void Rotary_BackwardIsTheTranspose()
    {
        const int Rows = 7;
        const int Heads = 3;
        const int Size = 10;
        int[] positions = [0, 1, 2, 90, 3, 0, 64];
        var rotary = new Rotary(Size, 10_000);
        float[] x = Draw(Rows * Heads * Size, 8);
        float[] dy = Draw(x.Length, 9);
        float[] dx = Turn(dy, -1);
        GradientTests.AssertDirectional(x, dx, () => Dot(dy, Turn(x, 1)), "x");

        float[] Turn(float[] values, int direction)
        {
            float[] turned = (float[])values.Clone();
            fixed (float* pv = turned)
            fixed (int* pp = positions)
            {
                rotary.Apply(Two, pv, pp, Rows, Heads, direction);
            }

            return turned;
        }
    }

    [Fact]
    public void Dropout_UnderOneMask()
    {
        const int Rows = 6;
        const int Size = 37;
        var stream = new DropoutStream(new CounterRandom(3, RandomPurpose.Dropout), 0.3, FirstRow: 2);
        float[] x = Draw(Rows * Size, 10);
        float[] dy = Draw(x.Length, 11);
        var dx = new float[x.Length];
        var y = new float[x.Length];
        fixed (float* pdy = dy, pdx = dx)
        {
            Dropout.Backward(stream, module: 1, row: 0, pdy, pdx, Rows, Size);
        }

        double Loss()
        {
            fixed (float* px = x, py = y)
            {
                Dropout.Apply(stream, module: 1, row: 0, px, py, Rows, Size);
            }

            return Dot(dy, y);
        }

        GradientTests.AssertDirectional(x, dx, Loss, "x");
    }

    [Theory]
    [InlineData(1, 1, 1, 2, 0)] // one token, one head
    [InlineData(9, 3, 1, 6, 0)]
    [InlineData(70, 2, 2, 4, 0)]
    [InlineData(9, 4, 2, 6, 8)] // a second sequence that shares 8 of the first's 9 rows
    [InlineData(80, 2, 1, 4, 67)]
    [InlineData(1, 1, 1, 2, 1)] // … its only one
    public void Attention_QueriesKeysAndValues(int length, int heads, int groups, int size, int shared)
    {
        const int Own = 5; // rows of the sequence that shares
        int rows = length + (shared > 0 ? Own : 0);
        AttentionSpan[] spans = shared > 0
            ? [new(0, length, length), new(length, Own, Own) { PrefixRow = 0, PrefixCount = shared }]
            : [new(0, length, length)];
        var attention = new Attention(heads, groups, size);
        float[] q = Draw(rows * heads * size, 12, 2);
        float[] k = Draw(rows * groups * size, 13, 2);
        float[] v = Draw(rows * groups * size, 14);
        float[] dy = Draw(q.Length, 15);
        var y = new float[q.Length];
        var logSumExp = new float[rows * heads];
        var dq = new float[q.Length];
        var dk = new float[k.Length];
        var dv = new float[v.Length];
        double Loss()
        {
            fixed (float* pq = q, pk = k, pv = v, py = y, pl = logSumExp)
            {
                attention.Forward(Two, spans, pq, pk, pv, py, pl);
            }

            return Dot(dy, y);
        }

        Loss();
        fixed (float* pq = q, pk = k, pv = v, pdy = dy, pl = logSumExp, pdq = dq, pdk = dk, pdv = dv)
        {
            attention.Backward(Two, spans, pq, pk, pv, pl, pdy, pdq, pdk, pdv);
        }

        GradientTests.AssertDirectional(v, dv, Loss, "v");
        if (rows == 1)
        {
            // One key has probability 1 whatever it is.
            Assert.All(dq.Concat(dk), slope => Assert.Equal(0, slope));
            return;
        }

        GradientTests.AssertDirectional(q, dq, Loss, "q");
        GradientTests.AssertDirectional(k, dk, Loss, "k");
    }

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static float[] Draw(int count, long stream, float scale = 1)
    {
        var random = new CounterRandom(43, RandomPurpose.DataGeneration, step: stream);
        return [.. Enumerable.Range(0, count).Select(i => scale * ((2 * random.Uniform((ulong)i)) - 1))];
    }
}
