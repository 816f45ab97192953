using FedLLM.Federation.Rounds;
using FedLLM.Numerics;
using FedLLM.Numerics.Decompositions;

namespace FedLLM.Federation.Lora;

/// <summary>
/// What methods that change the base model (FLoRA, FedEx-LoRA) add to its frozen weights: per adapted module stacked factors B [out, R], A [R, in] under the
/// names of the adapter's factors, to be added as B·A, with scaling 1. It is part of the global state, stored and hashed with it.
/// </summary>
/// <remarks>
/// R grows by the members' ranks every round. A module whose R would exceed min(out, in) is folded: its product, summed in float64, takes the place of the
/// factors, beside an identity. So R never exceeds min(out, in), and a fold costs one rounding of each element to float32.
/// </remarks>
public static class StackedCorrection
{
    /// <summary>
    /// Returns an adapter that alone gives what <paramref name="adapter"/> and the correction give together: rank r + R in every module (zeros fill up where
    /// R differs), scaling 1, so alpha = rank. The form in which a corrected run leaves as one PEFT adapter.
    /// </summary>
    /// <param name="adapter">The global adapter.</param>
    /// <param name="scaling">Its s = alpha / r.</param>
    /// <param name="correction">The base correction.</param>
    public static TensorSet Join(TensorSet adapter, double scaling, TensorSet correction)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(correction);
        int largest = LoraNames.Pairs(correction.Layout).Max(p => p.Rank);
        var even = new TensorSet(LoraNames.WithRank(correction.Layout, _ => largest));
        foreach (LoraPair pair in LoraNames.Pairs(correction.Layout))
        {
            LoraPair target = LoraNames.PairOf(even.Layout, pair.Module);
            correction[pair.A].CopyTo(even[target.A]);
            for (int row = 0; row < pair.Outputs; row++)
            {
                correction[pair.B].Slice(row * pair.Rank, pair.Rank).CopyTo(even[target.B][(row * largest)..]);
            }
        }

        var stack = new FactorStack();
        stack.Add(adapter, scaling);
        stack.Add(even, 1);
        return stack.ToTensors();
    }

    /// <summary>Returns a state as one adapter: joined with its base correction, or the global adapter itself where there is none yet.</summary>
    internal static TensorSet Join(GlobalState state, double scaling)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.BaseCorrection is { } correction ? Join(state.Adapter, scaling, correction) : state.Adapter;
    }

    /// <summary>Returns the stack's sum as a base correction, modules of too high a rank folded.</summary>
    internal static TensorSet Of(FactorStack stack)
    {
        TensorSet stacked = stack.ToTensors();
        TensorLayout layout = LoraNames.WithRank(stacked.Layout, p => Math.Min(p.Rank, Math.Min(p.Inputs, p.Outputs)));
        if (layout.Equals(stacked.Layout))
        {
            return stacked;
        }

        var folded = new TensorSet(layout);
        foreach (LoraPair pair in LoraNames.Pairs(stacked.Layout))
        {
            LoraPair target = LoraNames.PairOf(layout, pair.Module);
            if (target.Rank == pair.Rank)
            {
                stacked[pair.A].CopyTo(folded[target.A]);
                stacked[pair.B].CopyTo(folded[target.B]);
            }
            else
            {
                Fold(stacked, pair, folded, target);
            }
        }

        return folded;
    }

    // The product takes the place of the factor on the side that is the longer, or of A; the other becomes the identity.
    private static void Fold(TensorSet stacked, LoraPair pair, TensorSet folded, LoraPair target)
    {
        bool intoA = pair.Outputs <= pair.Inputs;
        Span<float> identity = folded[intoA ? target.B : target.A];
        for (int i = 0; i < target.Rank; i++)
        {
            identity[(i * target.Rank) + i] = 1;
        }

        var components = new ColumnMatrix(pair.Inputs, pair.Rank); // column k is row k of A
        for (int k = 0; k < pair.Rank; k++)
        {
            Span<double> component = components.Column(k);
            for (int i = 0; i < component.Length; i++)
            {
                component[i] = stacked[pair.A][(k * pair.Inputs) + i];
            }
        }

        ReadOnlySpan<float> b = stacked[pair.B];
        Span<float> product = folded[intoA ? target.A : target.B];
        var row = new double[pair.Inputs];
        for (int o = 0; o < pair.Outputs; o++)
        {
            Array.Clear(row);
            for (int k = 0; k < pair.Rank; k++)
            {
                ColumnMatrix.AddScaled(b[(o * pair.Rank) + k], components.Column(k), row);
            }

            for (int i = 0; i < row.Length; i++)
            {
                product[(o * pair.Inputs) + i] = (float)row[i];
            }
        }
    }
}
