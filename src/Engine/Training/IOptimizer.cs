namespace FedLLM.Engine.Training;

/// <summary>Turns gradients into parameter updates, keeping its moments from step to step.</summary>
public interface IOptimizer
{
    /// <summary>Forgets all moments and the number of steps.</summary>
    void Reset();

    /// <summary>Updates <paramref name="parameters"/> by <paramref name="gradient"/>, scaled by <paramref name="gradientScale"/> first.</summary>
    /// <param name="parameters">All parameters.</param>
    /// <param name="gradient">The gradient of all of them.</param>
    /// <param name="learningRate">The step's rate.</param>
    /// <param name="gradientScale">What the gradient is multiplied by first.</param>
    /// <param name="parts">Which of them are updated, none twice, to the bits that a step of all would give them; the others and their moments rest. All where empty.</param>
    /// <exception cref="ArgumentException">A span's length is not the optimizer's.</exception>
    void Step(Span<float> parameters, ReadOnlySpan<float> gradient, double learningRate, float gradientScale = 1f, params ReadOnlySpan<Range> parts);
}

/// <summary>An optimizer's constants.</summary>
public abstract record OptimizerSettings
{
    /// <summary>Makes a fresh optimizer for a flat buffer of <paramref name="count"/> parameters.</summary>
    public abstract IOptimizer Create(int count);
}
