using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>The base model that a process trains on: the original, with at most one correction at a time added to a copy of the matrices it touches.</summary>
/// <param name="original">The base model; it stays as it is.</param>
/// <param name="threads">Threads that add a correction, at least 1.</param>
public sealed class FrozenWeights(DecoderWeights original, int threads)
{
    private DecoderWeights? _corrected;
    private string? _hash;

    /// <summary>The base model without a correction.</summary>
    public DecoderWeights Original => original;

    /// <summary>The base model with the correction of the round.</summary>
    public DecoderWeights Current => _corrected ?? original;

    /// <summary>Changes to another correction, or to none; always from the original, so that nothing depends on what came before. Returns whether it changed.</summary>
    public bool Correct(BaseCorrection? correction)
    {
        if (correction?.Hash == _hash)
        {
            return false;
        }

        if (correction is null)
        {
            _corrected = null;
        }
        else
        {
            using var workers = new Workers(threads);
            _corrected = CorrectedWeights.Of(original, correction.Factors, workers);
        }

        _hash = correction?.Hash;
        return true;
    }
}
