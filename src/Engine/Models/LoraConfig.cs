namespace FedLLM.Engine.Models;

/// <summary>The shape of a LoRA adapter: y = W·x + (alpha/r)·B·(A·dropout(x)) on the targeted linear layers (Hu et al., 2021; PEFT).</summary>
/// <param name="Rank">r, at least 1.</param>
/// <param name="Alpha">alpha; the scaling is alpha / r.</param>
/// <param name="Dropout">Probability of dropping an input element of A in training, in [0, 1).</param>
/// <param name="Targets">Which linear layers carry an adapter, in every decoder layer.</param>
public sealed record LoraConfig(int Rank, double Alpha, double Dropout, IReadOnlySet<LinearKind> Targets)
{
    /// <summary>alpha / r.</summary>
    public float Scaling => (float)(Alpha / Rank);
}
