using FedLLM.Engine.Learners;
using FedLLM.Numerics;

namespace FedLLM.Engine.Decoding;

/// <summary>Continues token sequences with a language model, greedily or by sampling, several at once.</summary>
public static class TextGeneration
{
    /// <summary>Most prompt tokens that enter the model in one pass, but for a single prompt that is longer.</summary>
    private const int PromptTokensAtOnce = 2048;

    /// <summary>
    /// Returns the tokens that follow <paramref name="prompt"/>; stops after one of <paramref name="stopIds"/> (kept as the last token) or at the limit.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt is empty or leaves no room for a new token.</exception>
    /// <exception cref="ArithmeticException">The model's logits are not numbers.</exception>
    public static IReadOnlyList<int> Generate(ILanguageModel model, ReadOnlySpan<int> prompt, GenerationSettings settings, IReadOnlyCollection<int> stopIds) =>
        Generate(model, [prompt.ToArray()], settings, stopIds)[0];

    /// <summary>
    /// Returns the tokens that follow each prompt. Prompts are decoded together, each with its own cache: base products run over all rows, and a prompt's tokens are
    /// those it gets alone under the same index.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The prompts' tokens.</param>
    /// <param name="settings">How tokens are chosen.</param>
    /// <param name="stopIds">A continuation ends after one of these, kept as its last token.</param>
    /// <param name="stops">Asked after every token, with the prompt's place in the list and its new tokens: whether the continuation ends there. Null for never.</param>
    /// <exception cref="ArgumentException">A prompt is empty or leaves no room for a new token.</exception>
    /// <exception cref="ArithmeticException">The model's logits are not numbers.</exception>
    public static IReadOnlyList<IReadOnlyList<int>> Generate(
        ILanguageModel model, IReadOnlyList<int[]> prompts, GenerationSettings settings, IReadOnlyCollection<int> stopIds,
        Func<int, IReadOnlyList<int>, bool>? stops = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(stopIds);
        settings.Validate();
        Continuation[] all = [.. prompts.Select((prompt, i) => new Continuation(i, prompt, Limit(model, prompts, i, settings), settings))];
        var sampler = new TokenSampler(settings);
        var active = new List<Continuation>();
        int next = 0;
        while (next < all.Length || active.Count > 0)
        {
            // 1. Prompts take the places that have become free; their tokens run in the same pass as the others' newest.
            for (int tokens = 0; next < all.Length && active.Count < settings.BatchSize && (tokens == 0 || tokens + all[next].Prompt.Length <= PromptTokensAtOnce); next++)
            {
                tokens += all[next].Prompt.Length;
                all[next].Cache = model.NewCache();
                active.Add(all[next]);
            }

            // 2. One pass: logits [active, V].
            ReadOnlySpan<float> logits = model.Continue([.. active.Select(c => c.Pending)], [.. active.Select(c => c.Cache!)]);
            int vocabulary = model.Config.VocabularySize;

            // 3. A token each; who has ended makes room.
            for (int i = 0; i < active.Count; i++)
            {
                Continuation c = active[i];
                int token = sampler.Choose(logits.Slice(i * vocabulary, vocabulary), c.Random.UniformDouble((ulong)c.Generated.Count));
                c.Add(token);
                if (c.Generated.Count == c.Limit || stopIds.Contains(token) || (stops?.Invoke(c.Index, c.Generated) ?? false))
                {
                    c.Cache?.Dispose();
                    c.Cache = null;
                }
            }

            active.RemoveAll(c => c.Cache is null);
        }

        return [.. all.Select(c => c.Generated)];
    }

    private static int Limit(ILanguageModel model, IReadOnlyList<int[]> prompts, int index, GenerationSettings settings)
    {
        int length = prompts[index].Length;
        string which = prompts.Count == 1 ? "The prompt" : $"Prompt {index + 1}";
        if (length == 0)
        {
            throw new ArgumentException($"{which} has no token. Give at least one, such as begin-of-sequence.");
        }

        int limit = Math.Min(settings.MaxNewTokens, model.Config.MaxPositions - length);
        return limit >= 1
            ? limit
            : throw new ArgumentException($"{which} has {length} tokens, and the model has {model.Config.MaxPositions} positions: no room for a new token. Shorten the prompt.");
    }

    /// <summary>One prompt on its way.</summary>
    private sealed class Continuation(int index, int[] prompt, int limit, GenerationSettings settings)
    {
        public int Index { get; } = index;

        public int[] Prompt { get; } = prompt;

        /// <summary>Tokens that the model has not seen yet.</summary>
        public int[] Pending { get; private set; } = prompt;

        public int Limit { get; } = limit;

        public List<int> Generated { get; } = [];

        public ISequenceCache? Cache { get; set; }

        // Position p draws at (seed, generation, prompt's index, p).
        public CounterRandom Random { get; } = new(settings.Seed, RandomPurpose.Generation, step: settings.FirstPrompt + index);

        public void Add(int token)
        {
            Generated.Add(token);
            Pending = [token];
        }
    }
}
