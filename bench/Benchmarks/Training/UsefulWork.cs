using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Benchmarks.Training;

/// <summary>
/// The floating-point operations that a case's training cannot do without (a multiply-add counts two): products with base weights and LoRA factors, forward
/// and for the gradients by activations, of the lowest layer only what its adapters need; head and its gradient where tokens are scored; attention below the
/// diagonal; a pair's prompt once; its reference without the adapter. What is computed twice to save memory counts once, and what is no product not at all.
/// </summary>
internal static class UsefulWork
{
    /// <summary>Counts one turn of <paramref name="work"/> on a model with the adapters of <see cref="CaseFolder.Lora"/>.</summary>
    public static double Operations(TrainingCase work, ModelConfig model)
    {
        double total = 0;
        foreach (TokenSequence sequence in work.Sequences.SelectMany(c => c).SelectMany(b => b))
        {
            double length = sequence.Tokens.Length;
            total += Training(model, length, sequence.ScoredCount, Below(0, length));
        }

        foreach (PreferencePair pair in work.Pairs.SelectMany(c => c).SelectMany(b => b))
        {
            double scored = pair.Chosen.ScoredCount + pair.Rejected.ScoredCount;
            double meetings = Below(0, pair.Chosen.Tokens.Length) + Below(pair.SharedPrefix, pair.Rejected.Tokens.Length);
            total += Training(model, pair.Tokens, scored, meetings) + Forward(model, pair.Tokens, scored, meetings);
        }

        return total;
    }

    // Queries from..to - 1, each with the keys up to its own.
    private static double Below(double from, double to) => ((to * (to + 1)) - (from * (from + 1))) / 2;

    private static double Forward(ModelConfig model, double rows, double scored, double meetings)
        => (model.Layers * ((rows * TensorNames.Kinds.Sum(k => Product(model, k))) + (4 * meetings * model.QuerySize))) + (scored * Head(model));

    private static double Training(ModelConfig model, double rows, double scored, double meetings)
    {
        double lora = 0;
        double backward = 0;
        for (int layer = 0; layer < model.Layers; layer++)
        {
            foreach (LinearKind kind in TensorNames.Kinds)
            {
                bool inputNeeded = layer > 0 || kind is not (LinearKind.Query or LinearKind.Key or LinearKind.Value);
                backward += inputNeeded ? rows * Product(model, kind) : 0;
            }

            // Scores, and the gradients of probabilities, values, queries and, but in the lowest layer, keys.
            backward += (layer > 0 ? 8 : 6) * meetings * model.QuerySize;
        }

        foreach ((int layer, LinearKind kind, int rank, _) in CaseFolder.Lora.Modules(model.Layers))
        {
            (int outSize, int inSize) = TensorNames.Size(model, kind);
            lora += 2 * rows * rank * ((3 * outSize) + (layer > 0 ? 3 : 2) * inSize);
        }

        return Forward(model, rows, scored, meetings) + lora + backward + (scored * Head(model));
    }

    private static double Product(ModelConfig model, LinearKind kind)
    {
        (int outSize, int inSize) = TensorNames.Size(model, kind);
        return 2.0 * outSize * inSize;
    }

    private static double Head(ModelConfig model) => 2.0 * model.VocabularySize * model.HiddenSize;
}
