using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>
/// A Hugging Face <c>tokenizer.json</c> of model type BPE, byte-level (GPT-2, Llama 3, Qwen2) or with byte fallback (Llama 2). Added tokens are found
/// in the text, special ones included, as the original does.
/// </summary>
public sealed class BytePairTokenizer : ITokenizer
{
    private readonly TokenizerPipeline _pipeline;
    private readonly AddedTokenMatcher _rawTokens;
    private readonly AddedTokenMatcher _normalizedTokens;
    private readonly Dictionary<int, TokenText> _texts = [];
    private readonly HashSet<int> _specialIds = [];

    private BytePairTokenizer(TokenizerPipeline pipeline, TokenizerConfig? config)
    {
        _pipeline = pipeline;
        foreach ((string token, int id) in pipeline.Vocabulary)
        {
            _texts.Add(id, new TokenText(token, false));
        }

        foreach (AddedToken token in pipeline.AddedTokens)
        {
            _texts[token.Id] = new TokenText(token.Content, true);
            if (token.IsSpecial)
            {
                _specialIds.Add(token.Id);
            }
        }

        _rawTokens = new AddedTokenMatcher(pipeline.AddedTokens.Where(token => !token.IsNormalized).Select(token => (token, token.Content)));
        _normalizedTokens = new AddedTokenMatcher(
            pipeline.AddedTokens.Where(token => token.IsNormalized).Select(token => (token, Normalized(token.Content))));
        VocabularySize = _texts.Count == 0 ? 0 : _texts.Keys.Max() + 1;
        BeginOfSequenceId = Resolve(config, "bos_token", config?.BeginOfSequence, pipeline.PrefixId);
        EndOfSequenceId = Resolve(config, "eos_token", config?.EndOfSequence, pipeline.SuffixId);
        AddsBeginOfSequence = Adds(config, "add_bos_token", config?.AddsBeginOfSequence, BeginOfSequenceId) ?? pipeline.PrefixId is not null;
        AddsEndOfSequence = Adds(config, "add_eos_token", config?.AddsEndOfSequence, EndOfSequenceId) ?? pipeline.SuffixId is not null;
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int? BeginOfSequenceId { get; }

    /// <inheritdoc/>
    public int? EndOfSequenceId { get; }

    /// <summary>
    /// Whether begin-of-sequence goes before every text: what <c>tokenizer_config.json</c> says under <c>add_bos_token</c>, else whether the
    /// post-processor of <c>tokenizer.json</c> puts a token there.
    /// </summary>
    public bool AddsBeginOfSequence { get; }

    /// <summary>Whether end-of-sequence goes after every text; decided as <see cref="AddsBeginOfSequence"/>.</summary>
    public bool AddsEndOfSequence { get; }

    /// <summary>Reads a tokenizer and, if there is one, the <c>tokenizer_config.json</c> that goes with it.</summary>
    /// <param name="jsonPath">The <c>tokenizer.json</c>.</param>
    /// <param name="configPath">The <c>tokenizer_config.json</c>, or null for none.</param>
    /// <exception cref="InputFileException">A file is missing, damaged or asks for what is not supported.</exception>
    public static BytePairTokenizer Load(string jsonPath, string? configPath = null)
    {
        TokenizerPipeline pipeline = TokenizerJsonFile.Read(jsonPath);
        return new BytePairTokenizer(pipeline, configPath is null ? null : TokenizerConfig.Read(configPath));
    }

    /// <inheritdoc/>
    public IReadOnlyList<Token> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        MappedText source = MappedText.FromText(text);
        List<Token> output = [];
        BytePairModel.Session session = new(_pipeline.Model);
        foreach ((AddedToken? token, int start, int end) in _rawTokens.Split(source, 0, source.Length))
        {
            if (token is not null)
            {
                output.Add(new Token(token.Id, source.Start(start), source.End(end - 1)));
                continue;
            }

            MappedText normalized = _pipeline.Normalizer?.Apply(source, start, end) ?? source;
            (int from, int to) = _pipeline.Normalizer is null ? (start, end) : (0, normalized.Length);
            foreach ((AddedToken? normalizedToken, int first, int last) in _normalizedTokens.Split(normalized, from, to))
            {
                if (normalizedToken is not null)
                {
                    output.Add(new Token(normalizedToken.Id, normalized.Start(first), normalized.End(last - 1)));
                }
                else
                {
                    EncodeStretch(normalized, first, last, session, output);
                }
            }
        }

        return output;
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        List<TokenText> tokens = new(ids.Count);
        foreach (int id in ids)
        {
            if (!_texts.TryGetValue(id, out TokenText text))
            {
                throw new ArgumentOutOfRangeException(nameof(ids), id, "The id is not in the vocabulary.");
            }

            if (keepSpecial || !_specialIds.Contains(id))
            {
                tokens.Add(text);
            }
        }

        return string.Concat(_pipeline.Decoder.Apply(tokens).Select(token => token.Text));
    }

    private void EncodeStretch(MappedText text, int start, int end, BytePairModel.Session session, List<Token> output)
    {
        Words words = new(text, [(start, end)]);
        words = _pipeline.PreTokenizer?.Apply(words) ?? words;
        List<Symbol> symbols = [];
        foreach ((int first, int last) in words.Ranges)
        {
            symbols.Clear();
            session.Encode(words.Text.Chars[first..last], symbols);
            int position = first;
            foreach (Symbol symbol in symbols)
            {
                // The later bytes of a character have no length of their own and cover what the first one does.
                output.Add(symbol.Length == 0
                    ? output[^1] with { Id = symbol.Id }
                    : new Token(symbol.Id, words.Text.Start(position), words.Text.End(position + symbol.Length - 1)));
                position += symbol.Length;
            }
        }
    }

    private string Normalized(string content)
    {
        MappedText text = MappedText.FromText(content);
        return _pipeline.Normalizer is null ? content : new string(_pipeline.Normalizer.Apply(text, 0, text.Length).Chars);
    }

    private int? Resolve(TokenizerConfig? config, string key, string? token, int? template)
    {
        if (token is null)
        {
            return template;
        }

        int? id = _pipeline.AddedTokens.FirstOrDefault(added => added.Content == token)?.Id
            ?? (_pipeline.Vocabulary.TryGetValue(token, out int found) ? found : null);
        return id is null
                ? throw new InputFileException(config!.Path, key, "the token is not in tokenizer.json", "Correct it, or add the token there")
            : template is not null && template != id
                ? throw new InputFileException(
                    config!.Path, key, "tokenizer.json puts another token there (post_processor)", "Make the two files agree")
            : id;
    }

    private static bool? Adds(TokenizerConfig? config, string key, bool? adds, int? id) =>
        adds == true && id is null
            ? throw new InputFileException(config!.Path, key, "there is no such token to add", "Name the token, or set the key to false")
            : adds;
}
