using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>Which of an adapter's factors are meant. ΔW = s·B·A, with A [r, in], B [out, r] and s = alpha / r (Hu et al., 2021).</summary>
[Flags]
public enum LoraFactors
{
    /// <summary>Neither.</summary>
    None = 0,

    /// <summary>The A of every module.</summary>
    A = 1,

    /// <summary>The B of every module.</summary>
    B = 2,

    /// <summary>All of the adapter.</summary>
    Both = A | B,
}

/// <summary>One module's two factors in a layout.</summary>
/// <param name="Module">The module's name as the adapter has it, without the factors' endings.</param>
/// <param name="A">A [r, in].</param>
/// <param name="B">B [out, r].</param>
public sealed record LoraPair(string Module, TensorSlot A, TensorSlot B)
{
    /// <summary>r.</summary>
    public int Rank => A.Shape[0];

    /// <summary>The module's inputs.</summary>
    public int Inputs => A.Shape[1];

    /// <summary>The module's outputs.</summary>
    public int Outputs => B.Shape[0];
}

/// <summary>Finds LoRA's factors by PEFT's names, <c>….lora_A.weight</c> and <c>….lora_B.weight</c>. The only place of the federation that knows them.</summary>
public static class LoraNames
{
    private const string EndingA = ".lora_A.weight";
    private const string EndingB = ".lora_B.weight";

    /// <summary>Returns the pairs of an adapter, in ordinal order of their names.</summary>
    /// <exception cref="ArgumentException">A tensor is no factor, has no partner, or the two do not fit; the message names it.</exception>
    public static IReadOnlyList<LoraPair> Pairs(TensorLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        var pairs = new List<LoraPair>();
        foreach (TensorSlot slot in layout.Slots)
        {
            LoraFactors factor = FactorOf(slot);
            string module = slot.Name[..^EndingA.Length];
            if (!layout.TryGet(module + (factor == LoraFactors.A ? EndingB : EndingA), out TensorSlot? partner))
            {
                throw new ArgumentException($"Tensor '{slot.Name}' has no partner: the adapter's factors come in pairs.", nameof(layout));
            }

            if (factor == LoraFactors.A)
            {
                pairs.Add(slot.Shape.Count == 2 && partner.Shape.Count == 2 && slot.Shape[0] == partner.Shape[1]
                    ? new LoraPair(module, slot, partner)
                    : throw new ArgumentException($"The factors of '{module}' do not fit: A must be [r, in] and B [out, r].", nameof(layout)));
            }
        }

        return pairs;
    }

    /// <summary>Returns the layout of some of an adapter's factors; of both, the layout itself, whatever its names.</summary>
    /// <exception cref="ArgumentException">A part is asked for and a tensor is neither factor.</exception>
    public static TensorLayout Part(TensorLayout layout, LoraFactors factors)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return factors == LoraFactors.Both
            ? layout
            : new TensorLayout(layout.Slots.Where(s => factors.HasFlag(FactorOf(s))).Select(s => (s.Name, s.Shape)));
    }

    /// <summary>Returns the layout with each module's rank replaced.</summary>
    /// <exception cref="ArgumentException">The layout is not of pairs.</exception>
    public static TensorLayout WithRank(TensorLayout layout, Func<LoraPair, int> rank)
    {
        ArgumentNullException.ThrowIfNull(rank);
        return new TensorLayout(Pairs(layout).SelectMany(p => new (string, IReadOnlyList<int>)[]
        {
            (p.A.Name, [rank(p), p.Inputs]),
            (p.B.Name, [p.Outputs, rank(p)]),
        }));
    }

    /// <summary>Returns the module's pair in <paramref name="layout"/>.</summary>
    /// <exception cref="KeyNotFoundException">The layout does not hold it.</exception>
    internal static LoraPair PairOf(TensorLayout layout, string module) => new(module, layout[module + EndingA], layout[module + EndingB]);

    private static LoraFactors FactorOf(TensorSlot slot) =>
        slot.Name.EndsWith(EndingA, StringComparison.Ordinal) ? LoraFactors.A
        : slot.Name.EndsWith(EndingB, StringComparison.Ordinal) ? LoraFactors.B
        : throw new ArgumentException($"Tensor '{slot.Name}' is no LoRA factor: its name ends neither in {EndingA} nor in {EndingB}.");
}
