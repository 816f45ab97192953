namespace FedLLM.Engine.Training;

/// <summary>What is added to a lane's training besides its objective.</summary>
public sealed record LaneTerms
{
    /// <summary>Nothing is added.</summary>
    public static LaneTerms None { get; } = new();

    /// <summary>mu of the proximal term, finite and not negative; 0 for none. See <see cref="ProximalTerm"/>.</summary>
    public double ProximalMu { get; init; }
}
