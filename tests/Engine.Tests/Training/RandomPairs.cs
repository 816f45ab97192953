using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Training;

/// <summary>Pairs of random tokens, by seed.</summary>
internal static class RandomPairs
{
    /// <summary>A prompt with two answers of these lengths; all tokens of the answers are scored.</summary>
    public static PreferencePair Pair(ModelConfig config, int prompt, int chosen, int rejected, ulong seed)
    {
        int[] common = TinyModel.Sequence(config, prompt, seed).Tokens;
        TokenSequence Answer(int length, ulong stream)
        {
            int[] answer = TinyModel.Sequence(config, length, stream).Tokens;
            return new TokenSequence([.. common, .. answer], [.. common.Select(_ => false), .. answer.Select(_ => true)]);
        }

        return new PreferencePair(Answer(chosen, seed + 100), Answer(rejected, seed + 200));
    }

    /// <summary>The same with the base model's scores.</summary>
    public static ReferencedPair Referenced(DecoderWeights weights, int prompt, int chosen, int rejected, ulong seed)
    {
        using var workers = new Workers(1);
        PreferencePair pair = Pair(weights.Config, prompt, chosen, rejected, seed);
        (SequenceScore Chosen, SequenceScore Rejected) = new LanguageModel(weights, null, workers).Score([pair])[0];
        return new ReferencedPair(pair, Chosen, Rejected);
    }
}
