using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>Comparisons with reference numbers.</summary>
internal static class Close
{
    public static void Gradient(string name, float[] expected, ReadOnlySpan<float> ours)
    {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow(expected[i] - ours[i], 2);
            norm += Math.Pow(expected[i], 2);
        }

        Assert.True(Math.Sqrt(difference) <= 1e-4 * Math.Sqrt(norm), $"{name}: gradient differs by {Math.Sqrt(difference)} of {Math.Sqrt(norm)}.");
    }

    public static void Relative(double expected, double actual, double tolerance)
        => Assert.True(Math.Abs(actual - expected) <= tolerance * Math.Abs(expected), $"Expected {expected}, got {actual}: more than {tolerance} apart.");

    // Early in training Adam moves an element by about lr·sign(g). Where |g| is below the tolerance to which gradients are compared
    // (1e-4 of the tensor's root mean square), that sign is rounding noise in either implementation: such elements are compared within one step, lr,
    // and must be rare.
    public static void MarkNoise(TensorSet gradient, bool[] noise)
    {
        foreach (TensorSlot slot in gradient.Layout.Slots)
        {
            ReadOnlySpan<float> values = gradient[slot];
            double floor = 1e-4 * GradientClip.Norm(values) / Math.Sqrt(values.Length);
            for (int i = 0; i < values.Length; i++)
            {
                noise[slot.Offset + i] |= values[i] != 0 && Math.Abs(values[i]) < floor;
            }
        }
    }
}
