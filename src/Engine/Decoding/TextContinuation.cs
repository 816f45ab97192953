using FedLLM.Engine.Learners;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Decoding;

/// <summary>Why a continuation ended.</summary>
public enum ContinuationEnd
{
    /// <summary>The limit of new tokens or of the model's positions.</summary>
    MaxNewTokens,

    /// <summary>An end-of-sequence token.</summary>
    EndOfSequence,

    /// <summary>A stop string.</summary>
    StopString,
}

/// <summary>What a model wrote after a prompt.</summary>
/// <param name="Text">The text it added, up to the first stop string.</param>
/// <param name="PromptTokens">Tokens of the prompt, begin-of-sequence included.</param>
/// <param name="Ids">The tokens it added, an end-of-sequence included and whole the token that completed a stop string.</param>
/// <param name="End">Why it ended; end-of-sequence before a stop string before the limit.</param>
public sealed record TextContinuation(string Text, int PromptTokens, IReadOnlyList<int> Ids, ContinuationEnd End)
{
    /// <summary>As <see cref="Generate(ILanguageModel, ITokenizer, IReadOnlyList{string}, GenerationSettings, IReadOnlyList{string})"/> with one prompt and no stop string.</summary>
    /// <exception cref="ArgumentException">The prompt gives no token, or leaves no room for a new one.</exception>
    /// <exception cref="ArithmeticException">The model's logits are not numbers.</exception>
    public static TextContinuation Generate(ILanguageModel model, ITokenizer tokenizer, string prompt, GenerationSettings settings) =>
        Generate(model, tokenizer, [prompt], settings, [])[0];

    /// <summary>
    /// Continues each of <paramref name="prompts"/>, with begin-of-sequence before it where the tokenizer adds one, up to any of the model's or the tokenizer's
    /// end-of-sequence tokens, or until the text it adds holds one of <paramref name="stopStrings"/>, wherever tokens begin and end.
    /// </summary>
    /// <exception cref="ArgumentException">A prompt gives no token or leaves no room for a new one, or a stop string is empty.</exception>
    /// <exception cref="ArithmeticException">The model's logits are not numbers.</exception>
    public static IReadOnlyList<TextContinuation> Generate(
        ILanguageModel model, ITokenizer tokenizer, IReadOnlyList<string> prompts, GenerationSettings settings, IReadOnlyList<string> stopStrings)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(stopStrings);
        if (stopStrings.Any(s => s.Length == 0))
        {
            throw new ArgumentException("A stop string is empty.", nameof(stopStrings));
        }

        HashSet<int> stops = [.. model.Config.EndOfSequenceIds];
        if (tokenizer.EndOfSequenceId is { } end)
        {
            stops.Add(end);
        }

        int[][] ids = [.. prompts.Select(prompt => Encode(tokenizer, prompt))];
        IReadOnlyList<IReadOnlyList<int>> generated = TextGeneration.Generate(
            model, ids, settings, stops, stopStrings.Count == 0 ? null : (i, added) => FirstStop(Added(tokenizer, ids[i], added), stopStrings) >= 0);
        return [.. ids.Zip(generated, (prompt, added) => Finish(tokenizer, prompt, added, stops, stopStrings))];
    }

    private static int[] Encode(ITokenizer tokenizer, string prompt)
    {
        IEnumerable<int> ids = tokenizer.Encode(prompt).Select(t => t.Id);
        return tokenizer is { AddsBeginOfSequence: true, BeginOfSequenceId: { } begin } ? [begin, .. ids] : [.. ids];
    }

    private static TextContinuation Finish(ITokenizer tokenizer, int[] prompt, IReadOnlyList<int> added, HashSet<int> stops, IReadOnlyList<string> stopStrings)
    {
        string text = Added(tokenizer, prompt, added);
        int cut = FirstStop(text, stopStrings);
        ContinuationEnd end = stops.Contains(added[^1]) ? ContinuationEnd.EndOfSequence : cut >= 0 ? ContinuationEnd.StopString : ContinuationEnd.MaxNewTokens;
        return new TextContinuation(cut >= 0 ? text[..cut] : text, prompt.Length, added, end);
    }

    private static int FirstStop(string text, IReadOnlyList<string> stopStrings) =>
        stopStrings.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();

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
