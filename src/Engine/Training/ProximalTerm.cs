using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>
/// (mu / 2) Σ ‖p - p⁰‖² over an adapter's parameters, p⁰ those it started from: part of the loss, so its gradient mu (p - p⁰) is clipped with the rest
/// (FedProx: Li et al., MLSys 2020).
/// </summary>
internal sealed class ProximalTerm(int count)
{
    private readonly float[] _distance = new float[count];
    private float[] _start = [];
    private double _mu;

    /// <summary>Fixes mu and p⁰, which is not copied.</summary>
    public void Start(double mu, float[] start)
    {
        if (!double.IsFinite(mu) || mu < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(mu), mu, "mu is finite and not negative.");
        }

        (_mu, _start) = (mu, start);
    }

    /// <summary>Adds the term's gradient to <paramref name="gradient"/> and returns its value.</summary>
    public double Add(ReadOnlySpan<float> parameters, Span<float> gradient)
    {
        var slope = (float)_mu;
        for (int i = 0; i < gradient.Length; i++)
        {
            _distance[i] = parameters[i] - _start[i];
            gradient[i] = MathF.FusedMultiplyAdd(slope, _distance[i], gradient[i]);
        }

        double norm = Reduce.Norm(_distance);
        return 0.5 * _mu * norm * norm;
    }
}
