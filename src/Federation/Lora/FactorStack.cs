using FedLLM.Numerics;
using FedLLM.Numerics.Decompositions;

namespace FedLLM.Federation.Lora;

/// <summary>
/// A sum of products of factors, Σ_k c_k·B_k·A_k for every module, held as its stacked factors: [c_1 B_1 … c_n B_n] beside one another,
/// [A_1; …; A_n] below one another. Parts are in the order in which they were added.
/// </summary>
internal sealed class FactorStack
{
    private readonly List<(TensorSet Factors, double Coefficient)> _parts = [];

    /// <summary>Adds coefficient·B·A of every module of <paramref name="factors"/>, which is kept, not copied.</summary>
    public void Add(TensorSet factors, double coefficient) => _parts.Add((factors, coefficient));

    /// <summary>Returns the stacked factors in float32, the coefficients in B.</summary>
    public TensorSet ToTensors()
    {
        var stacked = new TensorSet(LoraNames.WithRank(_parts[0].Factors.Layout, p => RankOf(p.Module)));
        foreach (LoraPair pair in LoraNames.Pairs(stacked.Layout))
        {
            int at = 0;
            foreach ((TensorSet factors, double coefficient) in _parts)
            {
                LoraPair part = LoraNames.PairOf(factors.Layout, pair.Module);
                factors[part.A].CopyTo(stacked[pair.A][(at * pair.Inputs)..]);
                ReadOnlySpan<float> b = factors[part.B];
                Span<float> target = stacked[pair.B];
                for (int row = 0; row < pair.Outputs; row++)
                {
                    for (int k = 0; k < part.Rank; k++)
                    {
                        target[(row * pair.Rank) + at + k] = (float)(coefficient * b[(row * part.Rank) + k]);
                    }
                }

                at += part.Rank;
            }
        }

        return stacked;
    }

    /// <summary>
    /// Returns one module's stacked factors in float64, a positive coefficient c as √c in either: [√c_k B_k] as [out, R] and [√c_k A_k]ᵀ as [in, R]; R is
    /// <paramref name="least"/> at least, zeros filling up.
    /// </summary>
    public (ColumnMatrix B, ColumnMatrix TransposedA) Columns(string module, int least)
    {
        LoraPair first = LoraNames.PairOf(_parts[0].Factors.Layout, module);
        int rank = Math.Max(RankOf(module), least);
        var stackedB = new ColumnMatrix(first.Outputs, rank);
        var stackedA = new ColumnMatrix(first.Inputs, rank);
        int at = 0;
        foreach ((TensorSet factors, double coefficient) in _parts)
        {
            double root = Math.Sqrt(coefficient);
            LoraPair part = LoraNames.PairOf(factors.Layout, module);
            ReadOnlySpan<float> a = factors[part.A];
            ReadOnlySpan<float> b = factors[part.B];
            for (int k = 0; k < part.Rank; k++, at++)
            {
                Span<double> columnA = stackedA.Column(at);
                Span<double> columnB = stackedB.Column(at);
                for (int i = 0; i < columnA.Length; i++)
                {
                    columnA[i] = root * a[(k * columnA.Length) + i];
                }

                for (int o = 0; o < columnB.Length; o++)
                {
                    columnB[o] = root * b[(o * part.Rank) + k];
                }
            }
        }

        return (stackedB, stackedA);
    }

    private int RankOf(string module) => _parts.Sum(p => LoraNames.PairOf(p.Factors.Layout, module).Rank);
}
