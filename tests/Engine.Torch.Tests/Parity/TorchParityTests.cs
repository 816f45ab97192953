using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Parity;

namespace FedLLM.Engine.Torch.Tests.Parity;

/// <summary>The Torch engine, on its CPU, against Hugging Face + PEFT: the CPU engine's suite and tolerances.</summary>
public sealed class TorchModelParityTests : ModelParity
{
    /// <inheritdoc/>
    protected override ILearner Learner(DecoderWeights weights) => new TorchLearner(weights, NativeLibraryOfTorch.Require());
}

/// <summary>The Torch engine's DPO, on its CPU, against Hugging Face + PEFT + TRL.</summary>
public sealed class TorchPreferenceParityTests : PreferenceParity
{
    /// <inheritdoc/>
    protected override ILearner Learner(DecoderWeights weights) => new TorchLearner(weights, NativeLibraryOfTorch.Require());
}
