using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Decoding;

/// <summary>What a model wrote after a prompt.</summary>
/// <param name="Text">The text it added.</param>
/// <param name="PromptTokens">Tokens of the prompt, begin-of-sequence included.</param>
/// <param name="Ids">The tokens it added, an end-of-sequence included.</param>
/// <param name="Ended">Whether it ended by end-of-sequence, not by the limit.</param>
public sealed record TextContinuation(string Text, int PromptTokens, IReadOnlyList<int> Ids, bool Ended)
{
    /// <summary>
    /// Continues <paramref name="prompt"/>, with begin-of-sequence before it where the tokenizer adds one, up to the model's or the tokenizer's end-of-sequence.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt gives no token, or leaves no room for a new one.</exception>
    public static TextContinuation Generate(LanguageModel model, ITokenizer tokenizer, string prompt, GenerationSettings settings)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = new List<int>();
        if (tokenizer is { AddsBeginOfSequence: true, BeginOfSequenceId: { } begin })
        {
            ids.Add(begin);
        }

        ids.AddRange(tokenizer.Encode(prompt).Select(t => t.Id));
        HashSet<int> stops = [.. model.Config.EndOfSequenceIds];
        if (tokenizer.EndOfSequenceId is { } end)
        {
            stops.Add(end);
        }

        int[] promptIds = [.. ids];
        IReadOnlyList<int> generated = TextGeneration.Generate(model, promptIds, settings, stops);
        return new TextContinuation(Added(tokenizer, promptIds, generated), promptIds.Length, generated, stops.Contains(generated[^1]));
    }

    // The text that generation adds to the prompt's. Decoded alone it would lack the space that some tokenizers take from a text's beginning, and a
    // character whose bytes lie on both sides would be lost.
    private static string Added(ITokenizer tokenizer, int[] prompt, IReadOnlyList<int> generated)
    {
        // An embedding may have more rows than the tokenizer has tokens; such an id has no text.
        int[] known = [.. generated.Where(id => id < tokenizer.VocabularySize)];
        string before = tokenizer.Decode(prompt);
        string whole = tokenizer.Decode([.. prompt, .. known]);
        return whole.StartsWith(before, StringComparison.Ordinal) ? whole[before.Length..] : tokenizer.Decode(known);
    }
}
