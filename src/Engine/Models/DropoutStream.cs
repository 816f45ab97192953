using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>The dropout of one pass: which stream, and which row of the step the pass begins at.</summary>
/// <param name="Random">Stream of (seed, dropout, round, client, step).</param>
/// <param name="Probability">Probability of dropping, in (0, 1).</param>
/// <param name="FirstRow">Number of rows of the step's earlier micro-batches.</param>
internal readonly record struct DropoutStream(CounterRandom Random, double Probability, long FirstRow);
