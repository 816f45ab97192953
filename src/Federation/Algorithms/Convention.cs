namespace FedLLM.Federation.Algorithms;

/// <summary>Whose formulas a server optimizer follows where papers and systems differ. Each algorithm's file says how.</summary>
public enum Convention
{
    /// <summary>OpenFedLLM's code.</summary>
    OpenFedLlm,

    /// <summary>Reddi et al., "Adaptive Federated Optimization", ICLR 2021; for FedAvgM the paper that named it.</summary>
    Reddi,

    /// <summary>Flower's strategies.</summary>
    Flower,
}
