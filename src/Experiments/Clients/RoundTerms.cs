using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>What the clients of a round have in common.</summary>
/// <param name="Round">Round number from 1.</param>
/// <param name="LearningRate">The round's learning rate.</param>
public sealed record RoundTerms(int Round, double LearningRate)
{
    /// <summary>mu of the proximal term, not negative; 0 for none.</summary>
    public double ProximalMu { get; init; }

    /// <summary>The factors that train.</summary>
    public LoraHalves Trained { get; init; } = LoraHalves.Both;

    /// <summary>What is added to the base weights, or null; see <see cref="CorrectedWeights"/>.</summary>
    public BaseCorrection? Correction { get; init; }
}

/// <summary>What is added to the base weights.</summary>
/// <param name="Hash">Its hash, by which it is known from one round to the next.</param>
/// <param name="Factors">The stacked factors.</param>
public sealed record BaseCorrection(string Hash, TensorSet Factors);

/// <summary>What one client begins a round with.</summary>
/// <param name="Adapter">The adapter; it must not change while the client trains.</param>
public sealed record ClientStart(TensorSet Adapter)
{
    /// <summary>c - c_i in the adapter's layout, zero in what is not uploaded; null where there are no control variates.</summary>
    public TensorSet? ControlCorrection { get; init; }
}
