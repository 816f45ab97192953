namespace FedLLM.Numerics.Kernels;

/// <summary>Memory that a tile asks the second-level cache for while it works on something else.</summary>
/// <param name="from">The first place.</param>
/// <param name="step">Bytes from one k's place to the next one's.</param>
internal readonly unsafe struct Ahead(byte* from, nint step)
{
    /// <summary>The first place.</summary>
    public byte* From => from;

    /// <summary>Bytes from one k's place to the next one's.</summary>
    public nint Step => step;

    /// <summary>Asks for nothing that is not at hand.</summary>
    public static Ahead Nothing(void* atHand) => new((byte*)atHand, 0);
}
