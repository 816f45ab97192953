namespace FedLLM.Engine.Training;

/// <summary>Which factors of an adapter train; the others are frozen: they get no gradient and stay as they are to the bit, weight decay included.</summary>
[Flags]
public enum LoraHalves
{
    /// <summary>The A of every module.</summary>
    A = 1,

    /// <summary>The B of every module.</summary>
    B = 2,

    /// <summary>All of the adapter.</summary>
    Both = A | B,
}
