namespace FedLLM.Experiments.Pretraining;

/// <summary>Full-parameter training of a small Llama-family model from a text file: how small base models are made.</summary>
public sealed record PretrainConfig
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>Seed of the initial parameters and of the windows drawn from the corpus; 0 or more.</summary>
    public required long Seed { get; init; }

    /// <summary>Absolute path of a UTF-8 text whose documents each end with a line that is exactly <c>&lt;|endoftext|&gt;</c>.</summary>
    public required string Corpus { get; init; }

    /// <summary>Size of the byte-level BPE vocabulary trained on the corpus.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads; divides the hidden size.</summary>
    public required int Heads { get; init; }

    /// <summary>Key-value heads; divides the query heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Longest sequence the model is for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Whether the head shares the embedding.</summary>
    public required bool Tied { get; init; }

    /// <summary>Windows in a batch.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Tokens of a window.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Optimizer steps.</summary>
    public required int Steps { get; init; }

    /// <summary>Highest learning rate, reached after the warm-up.</summary>
    public required double LearningRate { get; init; }

    /// <summary>What the cosine falls to at the last step.</summary>
    public required double MinLearningRate { get; init; }

    /// <summary>Steps of linear warm-up.</summary>
    public required int WarmupSteps { get; init; }

    /// <summary>Decoupled weight decay of the matrices.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Global norm gradients are clipped to.</summary>
    public required double MaxGradNorm { get; init; }

    /// <summary>Whether the weights are written as bfloat16 (else float32).</summary>
    public required bool Bfloat16 { get; init; }
}
