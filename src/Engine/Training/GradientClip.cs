using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>Clipping by global norm (Pascanu et al., 2013) as PyTorch's <c>clip_grad_norm_</c>: g ← g · min(1, C / (‖g‖ + 10⁻⁶)).</summary>
public static class GradientClip
{
    /// <summary>Returns ‖g‖₂ over one flat gradient, accumulated in float64 by the fixed tree.</summary>
    public static double Norm(ReadOnlySpan<float> gradient) => Reduce.Norm(gradient);

    /// <summary>Returns the factor for a gradient of norm <paramref name="norm"/>; 1 where <paramref name="maxNorm"/> is not positive (no clipping).</summary>
    public static float Factor(double norm, double maxNorm) => maxNorm <= 0 ? 1f : (float)Math.Min(1.0, maxNorm / (norm + 1e-6));
}
