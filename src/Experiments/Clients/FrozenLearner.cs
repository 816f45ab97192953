using FedLLM.Engine.Learners;

namespace FedLLM.Experiments.Clients;

/// <summary>The base model that a process trains on: the original, with at most one correction at a time added to a copy of the matrices it touches.</summary>
/// <param name="original">The base model; it stays as it is, and its owner disposes it.</param>
/// <param name="threads">Threads that add a correction, at least 1.</param>
public sealed class FrozenLearner(ILearner original, int threads) : IDisposable
{
    private ILearner? _corrected;
    private string? _hash;

    /// <summary>The base model without a correction.</summary>
    public ILearner Original => original;

    /// <summary>The base model with the correction of the round.</summary>
    public ILearner Current => _corrected ?? original;

    /// <summary>Whether <paramref name="correction"/>, or none, is not the present one.</summary>
    public bool Differs(BaseCorrection? correction) => correction?.Hash != _hash;

    /// <summary>
    /// Changes to another correction, or to none; always from the original, so that nothing depends on what came before. Nothing may still use <see cref="Current"/>.
    /// </summary>
    public void Correct(BaseCorrection? correction)
    {
        _corrected?.Dispose();
        _corrected = null;
        _corrected = correction is null ? null : original.Corrected(correction.Factors, threads);
        _hash = correction?.Hash;
    }

    /// <inheritdoc/>
    public void Dispose() => _corrected?.Dispose();
}
