using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>SwiGLU's gate (Shazeer, 2020): y = silu(g) ⊙ u with silu(g) = g·σ(g), σ(g) = 1 / (1 + e^-g), elementwise.</summary>
internal static unsafe class SwiGlu
{
    /// <summary>Writes y from g and u, <paramref name="count"/> elements each.</summary>
    public static void Forward(Workers workers, float* gate, float* up, float* y, long count)
        => workers.Run(Tasks(count), new ForwardWork(gate, up, y, count));

    /// <summary>
    /// Replaces g by dg = dy·u·σ(g)·(1 + g·(1 - σ(g))) and u by du = dy·silu(g).
    /// </summary>
    public static void Backward(Workers workers, float* dy, float* gate, float* up, long count)
        => workers.Run(Tasks(count), new BackwardWork(dy, gate, up, count));

    private static int Tasks(long count) => (int)((count + Blocks.Elements - 1) / Blocks.Elements);

    private readonly struct ForwardWork(float* gate, float* up, float* y, long count) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            long end = Math.Min(count, (task + 1L) * Blocks.Elements);
            for (long i = (long)task * Blocks.Elements; i < end; i += Lanes.Width)
            {
                int lanes = (int)Math.Min(Lanes.Width, end - i);
                Vector512<float> g = Lanes.Load(gate + i, lanes);
                Lanes.Store(g * VectorMath.Sigmoid(g) * Lanes.Load(up + i, lanes), y + i, lanes);
            }
        }
    }

    private readonly struct BackwardWork(float* dy, float* gate, float* up, long count) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            long end = Math.Min(count, (task + 1L) * Blocks.Elements);
            for (long i = (long)task * Blocks.Elements; i < end; i += Lanes.Width)
            {
                int lanes = (int)Math.Min(Lanes.Width, end - i);
                Vector512<float> g = Lanes.Load(gate + i, lanes);
                Vector512<float> u = Lanes.Load(up + i, lanes);
                Vector512<float> d = Lanes.Load(dy + i, lanes);
                Vector512<float> sigmoid = VectorMath.Sigmoid(g);
                Vector512<float> slope = sigmoid * Vector512.FusedMultiplyAdd(g, Vector512<float>.One - sigmoid, Vector512<float>.One);
                Lanes.Store(d * u * slope, gate + i, lanes);
                Lanes.Store(d * (g * sigmoid), up + i, lanes);
            }
        }
    }
}
