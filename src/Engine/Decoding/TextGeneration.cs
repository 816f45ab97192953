using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Decoding;

/// <summary>How tokens are chosen.</summary>
/// <param name="MaxNewTokens">Most tokens to add, at least 1.</param>
/// <param name="Temperature">0 chooses the likeliest token (the lowest id of equals); above, the logits are divided by it and a token is drawn.</param>
/// <param name="Seed">Seed of the draws.</param>
public sealed record GenerationSettings(int MaxNewTokens, double Temperature = 0, ulong Seed = 0);

/// <summary>Continues token sequences with a language model, greedily or by sampling.</summary>
public static class TextGeneration
{
    /// <summary>
    /// Returns the tokens that follow <paramref name="prompt"/>; stops after one of <paramref name="stopIds"/> (kept as the last token) or at the limit.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt is empty, or prompt and new tokens exceed the model's positions.</exception>
    public static IReadOnlyList<int> Generate(LanguageModel model, ReadOnlySpan<int> prompt, GenerationSettings settings, IReadOnlyCollection<int> stopIds)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(stopIds);
        if (prompt.IsEmpty)
        {
            throw new ArgumentException("The prompt has no token. Give at least one, such as begin-of-sequence.");
        }

        int limit = Math.Min(settings.MaxNewTokens, model.Config.MaxPositions - prompt.Length);
        if (limit < 1)
        {
            throw new ArgumentException(
                $"The prompt has {prompt.Length} tokens, and the model has {model.Config.MaxPositions} positions: no room for a new token. Shorten the prompt.");
        }

        var cache = new KeyValueCache(model.Config, prompt.Length + limit);
        var random = new CounterRandom(settings.Seed, RandomPurpose.Generation);
        var generated = new List<int>(limit);
        ReadOnlySpan<float> logits = model.Continue(prompt, cache);
        while (true)
        {
            int token = settings.Temperature > 0
                ? Sample(logits, settings.Temperature, random.UniformDouble((ulong)generated.Count))
                : Likeliest(logits);
            generated.Add(token);
            if (generated.Count == limit || stopIds.Contains(token))
            {
                return generated;
            }

            logits = model.Continue([token], cache);
        }
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[best])
            {
                best = i;
            }
        }

        return best;
    }

    // Inverts the cumulative distribution of softmax(logits / temperature) at u.
    private static int Sample(ReadOnlySpan<float> logits, double temperature, double u)
    {
        double max = Reduce.Max(logits);
        double total = 0;
        foreach (float logit in logits)
        {
            total += ScalarMath.Exp((logit - max) / temperature);
        }

        double remaining = u * total;
        for (int i = 0; i < logits.Length; i++)
        {
            remaining -= ScalarMath.Exp((logits[i] - max) / temperature);
            if (remaining < 0)
            {
                return i;
            }
        }

        return Likeliest(logits);
    }
}
