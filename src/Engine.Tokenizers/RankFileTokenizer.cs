using System.Text;
using System.Text.RegularExpressions;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;
using Microsoft.ML.Tokenizers;

namespace FedLLM.Engine.Tokenizers;

/// <summary>What a rank file does not say: how text is cut before merging, and the special tokens.</summary>
/// <param name="Pattern">A regular expression whose matches are merged each by itself.</param>
/// <param name="Special">Special tokens with their ids.</param>
/// <param name="BeginOfSequence">Begin-of-sequence, one of them, or null.</param>
/// <param name="EndOfSequence">End-of-sequence, one of them, or null.</param>
/// <param name="AddsBeginOfSequence">Whether every text begins with begin-of-sequence.</param>
public sealed record RankFileScheme(string Pattern, IReadOnlyDictionary<string, int> Special, string? BeginOfSequence, string? EndOfSequence, bool AddsBeginOfSequence)
{
    private const int LlamaRanks = 128_000;
    private const int LlamaSpecials = 256;

    /// <summary>Llama 3's original <c>tokenizer.model</c>: the pattern and the 256 special tokens of Meta's own code.</summary>
    public static RankFileScheme Llama3 { get; } = new(
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        LlamaSpecial().Select((token, i) => (token, i)).ToDictionary(t => t.token, t => LlamaRanks + t.i, StringComparer.Ordinal),
        "<|begin_of_text|>", "<|end_of_text|>", AddsBeginOfSequence: true);

    private static IEnumerable<string> LlamaSpecial()
    {
        string[] named =
        [
            "<|begin_of_text|>", "<|end_of_text|>", Reserved(0), Reserved(1), Reserved(2), Reserved(3), "<|start_header_id|>", "<|end_header_id|>", Reserved(4), "<|eot_id|>",
        ];
        return [.. named, .. Enumerable.Range(5, LlamaSpecials - named.Length).Select(Reserved)];
    }

    private static string Reserved(int number) => $"<|reserved_special_token_{number}|>";
}

/// <summary>A tokenizer of a tiktoken rank file, by Microsoft.ML.Tokenizers; special tokens are found in the text.</summary>
public sealed class RankFileTokenizer : ITokenizer
{
    private readonly TiktokenTokenizer _tokenizer;
    private readonly IReadOnlyDictionary<int, byte[]> _bytes;
    private readonly Dictionary<int, string> _special;

    private RankFileTokenizer(TiktokenTokenizer tokenizer, IReadOnlyDictionary<int, byte[]> bytes, RankFileScheme scheme)
    {
        (_tokenizer, _bytes) = (tokenizer, bytes);
        _special = scheme.Special.ToDictionary(s => s.Value, s => s.Key);
        VocabularySize = bytes.Keys.Concat(_special.Keys).Max() + 1;
        BeginOfSequenceId = scheme.BeginOfSequence is { } begin ? scheme.Special[begin] : null;
        EndOfSequenceId = scheme.EndOfSequence is { } end ? scheme.Special[end] : null;
        AddsBeginOfSequence = scheme.AddsBeginOfSequence;
    }

    /// <summary>Tokens of the rank file; special ones are not among them.</summary>
    public int Ranks => _bytes.Count;

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int? BeginOfSequenceId { get; }

    /// <inheritdoc/>
    public int? EndOfSequenceId { get; }

    /// <inheritdoc/>
    public bool AddsBeginOfSequence { get; }

    /// <inheritdoc/>
    public bool AddsEndOfSequence => false;

    /// <summary>Loads a rank file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="scheme">What it does not say.</param>
    /// <exception cref="InputFileException">The file is missing or damaged, or its ids are those of special tokens.</exception>
    public static RankFileTokenizer Load(string path, RankFileScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(scheme);
        IReadOnlyDictionary<int, byte[]> bytes = RankFile.Read(path);
        if (scheme.Special.Values.FirstOrDefault(bytes.ContainsKey, -1) is var taken and >= 0)
        {
            throw new InputFileException(path, null, $"gives rank {taken} to a token, which is a special token's id", "Give the rank file that belongs to the scheme");
        }

        // The longest first: of two that begin alike, the one that stands before is found.
        Dictionary<string, int> specials = new(scheme.Special.OrderByDescending(s => s.Key.Length), StringComparer.Ordinal);
        var cut = new RegexPreTokenizer(new Regex(scheme.Pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant), specials);
        return new RankFileTokenizer(TiktokenTokenizer.Create(path, cut, null, specials), bytes, scheme);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Token> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        IReadOnlyList<int> ids = _tokenizer.EncodeToIds(text);
        int[] characters = CharacterOfByte(text);
        var tokens = new Token[ids.Count];
        int at = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            int end = at + Length(ids[i]);

            // A token that begins or ends within a character covers it.
            tokens[i] = new Token(ids[i], characters[at], End(text, characters[end - 1]));
            at = end;
        }

        return tokens;
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        foreach (int id in ids)
        {
            if (_bytes.TryGetValue(id, out byte[]? token))
            {
                bytes.AddRange(token);
            }
            else if (!_special.TryGetValue(id, out string? special))
            {
                throw new ArgumentOutOfRangeException(nameof(ids), id, "The id is not in the vocabulary.");
            }
            else if (keepSpecial)
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(special));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static int End(string text, int character) =>
        character + (char.IsHighSurrogate(text[character]) && character + 1 < text.Length && char.IsLowSurrogate(text[character + 1]) ? 2 : 1);

    // For every byte of the text in UTF-8, the UTF-16 index of its character. What is no character is U+FFFD, three bytes.
    private static int[] CharacterOfByte(string text)
    {
        var result = new List<int>(text.Length + (text.Length / 4));
        int index = 0;
        while (index < text.Length)
        {
            bool valid = Rune.TryGetRuneAt(text, index, out Rune rune);
            result.AddRange(Enumerable.Repeat(index, valid ? rune.Utf8SequenceLength : 3));
            index += valid ? rune.Utf16SequenceLength : 1;
        }

        return [.. result];
    }

    private int Length(int id) => _bytes.TryGetValue(id, out byte[]? token) ? token.Length : Encoding.UTF8.GetByteCount(_special[id]);
}
