using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>The CPU engine's DPO against Hugging Face + PEFT + TRL.</summary>
public sealed class PreferenceParityTests : PreferenceParity
{
    /// <inheritdoc/>
    protected override ILearner Learner(DecoderWeights weights) => new CpuLearner(weights);
}
