namespace FedLLM.Engine.Training;

/// <summary>Turns gradients into parameter updates, keeping its moments from step to step.</summary>
public interface IOptimizer
{
    /// <summary>Forgets all moments and the number of steps.</summary>
    void Reset();

    /// <summary>Updates <paramref name="parameters"/> by <paramref name="gradient"/>, scaled by <paramref name="gradientScale"/> first.</summary>
    /// <exception cref="ArgumentException">A span's length is not the optimizer's.</exception>
    void Step(Span<float> parameters, ReadOnlySpan<float> gradient, double learningRate, float gradientScale = 1f);
}

/// <summary>An optimizer's constants.</summary>
public abstract record OptimizerSettings
{
    /// <summary>Makes a fresh optimizer for a flat buffer of <paramref name="count"/> parameters.</summary>
    public abstract IOptimizer Create(int count);
}
