using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>Adapters of different ranks of one model.</summary>
internal static class LoraTruncation
{
    /// <summary>
    /// Returns the first r_i components of the global adapter as a client of rank r_i has them: rows of A, columns of B, and B scaled by s / s_i, so that
    /// s_i·B_i·A_i is the sum of those components of s·B·A.
    /// </summary>
    /// <exception cref="ArgumentException">The adapter is not of the global rank.</exception>
    public static TensorSet Take(TensorSet global, LoraShapes shapes, int client)
    {
        LoraShape shape = shapes.Of(client);
        RequireRank(global, shapes.Global.Rank);
        if (shape == shapes.Global)
        {
            return global;
        }

        float factor = (float)(shapes.Global.Scaling / shape.Scaling);
        var taken = new TensorSet(Layout(global.Layout, shapes, client));
        foreach (LoraPair pair in LoraNames.Pairs(taken.Layout))
        {
            LoraPair whole = LoraNames.PairOf(global.Layout, pair.Module);
            global[whole.A][..pair.A.Count].CopyTo(taken[pair.A]);
            CopyColumns(global[whole.B], whole.Rank, taken[pair.B], pair.Rank, pair.Rank, factor);
        }

        return taken;
    }

    /// <summary>Returns the tensors of a client's adapter.</summary>
    public static TensorLayout Layout(TensorLayout global, LoraShapes shapes, int client)
    {
        int rank = shapes.Of(client).Rank;
        return rank == shapes.Global.Rank ? global : LoraNames.WithRank(global, _ => rank);
    }

    /// <summary>Writes a client's adapter into one of the global rank, absent components zero; B scaled by s_i / s, the reverse of <see cref="Take"/>.</summary>
    public static TensorSet Pad(TensorSet factors, TensorLayout global, LoraShapes shapes, int client)
    {
        float factor = (float)(shapes.Of(client).Scaling / shapes.Global.Scaling);
        var padded = new TensorSet(global);
        foreach (LoraPair pair in LoraNames.Pairs(factors.Layout))
        {
            LoraPair whole = LoraNames.PairOf(global, pair.Module);
            factors[pair.A].CopyTo(padded[whole.A]);
            CopyColumns(factors[pair.B], pair.Rank, padded[whole.B], whole.Rank, pair.Rank, factor);
        }

        return padded;
    }

    /// <summary>Checks that every pair of <paramref name="adapter"/> has the rank <paramref name="rank"/>.</summary>
    /// <exception cref="ArgumentException">One has not.</exception>
    public static void RequireRank(TensorSet adapter, int rank)
    {
        foreach (LoraPair pair in LoraNames.Pairs(adapter.Layout).Where(p => p.Rank != rank))
        {
            throw new ArgumentException($"The factors of '{pair.Module}' have the rank {pair.Rank} where the global adapter has {rank}.", nameof(adapter));
        }
    }

    // The first columns of a row-major matrix, scaled, into those of another.
    private static void CopyColumns(ReadOnlySpan<float> from, int fromWidth, Span<float> to, int toWidth, int columns, float factor)
    {
        for (int row = 0; row * fromWidth < from.Length; row++)
        {
            for (int c = 0; c < columns; c++)
            {
                to[(row * toWidth) + c] = factor * from[(row * fromWidth) + c];
            }
        }
    }
}
