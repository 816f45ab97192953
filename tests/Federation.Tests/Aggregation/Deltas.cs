using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Aggregation;

/// <summary>Made-up deltas of a few clients over one layout, by seed, with magnitudes from ordinary to extreme.</summary>
internal sealed class Deltas
{
    /// <summary>Two tensors: 37 elements (vector loops and their remainders) and 5.</summary>
    public static readonly TensorLayout Layout = new([("a", [37]), ("b", [5, 1])]);

    public Deltas(int clients, ulong seed, bool integerWeights = false)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration);
        ulong position = 0;
        Tensors = new TensorSet[clients];
        Weights = new double[clients];
        for (int c = 0; c < clients; c++)
        {
            Tensors[c] = new TensorSet(Layout);
            int exponent = (int)random.Below(40, ref position) - 20;
            for (int i = 0; i < Layout.Count; i++)
            {
                float value = random.Uniform(position++) - 0.5f;
                int spread = (int)random.Below(30, ref position);
                Tensors[c].Values[i] = MathF.ScaleB(value, exponent - spread);
            }

            Weights[c] = 1 + random.Below(1000, ref position) + (integerWeights ? 0 : random.Uniform(position++));
        }
    }

    public TensorSet[] Tensors { get; }

    public double[] Weights { get; }

    public FixedPointPlan Plan() => new(Layout, Tensors.Select((d, c) => new Member(c, Weights[c], TensorMagnitudes.Of(d))));

    /// <summary>Sums the clients of <paramref name="order"/> into a new sum of <paramref name="plan"/>.</summary>
    public FixedPointSum Sum(FixedPointPlan plan, IEnumerable<int> order)
    {
        var sum = new FixedPointSum(plan);
        foreach (int client in order)
        {
            sum.Add(client, Tensors[client]);
        }

        return sum;
    }
}
