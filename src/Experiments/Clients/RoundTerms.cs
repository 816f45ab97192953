using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>What the clients of a round have in common.</summary>
/// <param name="Round">Round number from 1.</param>
/// <param name="LearningRate">The round's learning rate.</param>
public sealed record RoundTerms(int Round, double LearningRate)
{
    /// <summary>mu of the proximal term, not negative; 0 for none.</summary>
    public double ProximalMu { get; init; }
}

/// <summary>What one client begins a round with.</summary>
/// <param name="Adapter">The adapter; it must not change while the client trains.</param>
public sealed record ClientStart(TensorSet Adapter);
