namespace FedLLM.Engine.Learners;

/// <summary>How a learner keeps the matrices of a base model's decoder layers. Embedding, head, norms and biases are never quantised.</summary>
public enum WeightQuantization
{
    /// <summary><c>none</c>: in the model's own type.</summary>
    None,

    /// <summary><c>int8</c>: whole numbers of -127 to 127 with a float32 scale for each output row (Dettmers et al., 2022, "LLM.int8()", absmax quantisation by row).</summary>
    Int8,

    /// <summary><c>nf4</c>: 4-bit NormalFloat with a float32 scale for each 64 elements in row-major order (Dettmers et al., 2023, "QLoRA", sec. 3 and app. E).</summary>
    Nf4,
}
