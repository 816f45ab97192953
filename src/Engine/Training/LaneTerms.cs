namespace FedLLM.Engine.Training;

/// <summary>What a lane's training is besides its objective.</summary>
public sealed record LaneTerms
{
    /// <summary>Nothing is added.</summary>
    public static LaneTerms None { get; } = new();

    /// <summary>mu of the proximal term, finite and not negative; 0 for none. See <see cref="ProximalTerm"/>.</summary>
    public double ProximalMu { get; init; }

    /// <summary>The factors that train; all by default.</summary>
    public LoraHalves Trained { get; init; } = LoraHalves.Both;
}
