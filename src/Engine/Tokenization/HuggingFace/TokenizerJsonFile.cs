using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>
/// Reads a Hugging Face <c>tokenizer.json</c> of model type BPE. What is not understood is refused with its path in the file. The entries
/// <c>truncation</c> and <c>padding</c> are ignored on purpose: how texts are shortened and packed is not the tokenizer's business here.
/// </summary>
internal sealed class TokenizerJsonFile
{
    /// <summary>Bound of token ids: far above any vocabulary, far below what would overflow anything derived from it.</summary>
    public const int MaximumId = 1 << 24;

    private readonly JsonEntry _root;
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _tokens = [];

    private TokenizerJsonFile(string path) => _root = JsonEntry.ParseObject(path);

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="InputFileException">It is damaged, or asks for what is not supported.</exception>
    public static TokenizerPipeline Read(string path) => new TokenizerJsonFile(path).Build();

    private TokenizerPipeline Build()
    {
        _root.ExpectKeys(
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        if (_root["version"] is { IsNull: false } version && version.AsString() != "1.0")
        {
            throw version.Unsupported("only version 1.0 of the format is known");
        }

        BytePairModel model = ReadModel(_root["model"]);
        List<AddedToken> added = ReadAddedTokens(_root["added_tokens"]);
        IPreTokenizer? preTokenizer = PipelineReader.PreTokenizer(_root["pre_tokenizer"], out bool isByteLevel);
        if (!model.CoversEverything && !(isByteLevel && model.CoversBytes))
        {
            throw _root["model"]["vocab"].Unsupported(isByteLevel
                ? "the vocabulary lacks some of the 256 byte characters and has no unknown token, so some text would be lost"
                : "there is neither an unknown token nor a token for each byte, so some text would be lost");
        }

        (int? prefix, int? suffix) = TemplateReader.Read(_root["post_processor"]);
        return new TokenizerPipeline
        {
            Vocabulary = _vocabulary,
            Model = model,
            AddedTokens = added,
            Normalizer = PipelineReader.Normalizer(_root["normalizer"]),
            PreTokenizer = preTokenizer,
            Decoder = PipelineReader.Decoder(_root["decoder"]),
            PrefixId = prefix is null || _tokens.ContainsKey(prefix.Value) ? prefix : throw NotInVocabulary(),
            SuffixId = suffix is null || _tokens.ContainsKey(suffix.Value) ? suffix : throw NotInVocabulary(),
        };

        InputFileException NotInVocabulary() => _root["post_processor"].Wrong("a special token's id is not in the vocabulary");
    }

    private BytePairModel ReadModel(JsonEntry model)
    {
        // Files of before 2020 leave the type out.
        if (model["type"] is { IsNull: false } type && type.AsString() != "BPE")
        {
            throw type.Unsupported("only models of type BPE are supported");
        }

        model.ExpectKeys(
            "type",
            "dropout",
            "unk_token",
            "continuing_subword_prefix",
            "end_of_word_suffix",
            "fuse_unk",
            "byte_fallback",
            "ignore_merges",
            "vocab",
            "merges");
        foreach (string key in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model[key] is { IsNull: false } affix && affix.AsString().Length > 0)
            {
                throw affix.Unsupported("affixes of words are not supported");
            }
        }

        if (model["dropout"] is { IsNull: false, IsZero: false } dropout)
        {
            throw dropout.Unsupported("dropping merges at random is not supported");
        }

        JsonEntry vocabulary = model["vocab"];
        foreach ((string token, int id) in vocabulary.Counts(MaximumId))
        {
            if (token.Length == 0 || !_vocabulary.TryAdd(token, id) || !_tokens.TryAdd(id, token))
            {
                throw vocabulary.Wrong($"the token of id {id} is empty, or the id is given twice");
            }
        }

        Dictionary<ulong, (uint Rank, int Id)> merges = ReadMerges(model["merges"]);
        int? unknown = null;
        if (model["unk_token"] is { IsNull: false } unknownToken)
        {
            unknown = _vocabulary.TryGetValue(unknownToken.AsString(), out int id)
                ? id
                : throw unknownToken.Wrong("the token is not in the vocabulary");
        }

        return new BytePairModel(_vocabulary, merges, new BytePairOptions(
            unknown, model["fuse_unk"].AsBool(false), model["byte_fallback"].AsBool(false), model["ignore_merges"].AsBool(false)));
    }

    private Dictionary<ulong, (uint Rank, int Id)> ReadMerges(JsonEntry entry)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        Dictionary<ulong, (uint Rank, int Id)> merges = [];
        uint rank = 0;
        foreach (JsonEntry item in entry.Items())
        {
            string left;
            string right;
            if (item.IsString)
            {
                string text = item.AsString();
                int space = text.IndexOf(' ');
                if (space < 0 || text.AsSpan(space + 1).Contains(' '))
                {
                    throw item.Wrong("a merge is not two tokens separated by a space");
                }

                left = text[..space];
                right = text[(space + 1)..];
            }
            else
            {
                string[] pair = [.. item.Items().Take(3).Select(part => part.AsString())];
                if (pair.Length != 2)
                {
                    throw item.Wrong("a merge is not a pair of tokens");
                }

                left = pair[0];
                right = pair[1];
            }

            if (left.Length == 0 || right.Length == 0 || !lookup.TryGetValue(left, out int leftId) || !lookup.TryGetValue(right, out int rightId)
                || !lookup.TryGetValue(left + right, out int id))
            {
                throw item.Wrong("a part of the merge, or what it makes, is not in the vocabulary");
            }

            // Of two merges of one pair the later counts, as in the original.
            merges[BytePairModel.PairKey(leftId, rightId)] = (rank++, id);
        }

        return merges;
    }

    private List<AddedToken> ReadAddedTokens(JsonEntry entry)
    {
        List<AddedToken> tokens = [];
        HashSet<string> contents = new(StringComparer.Ordinal);
        if (entry.IsNull)
        {
            return tokens;
        }

        foreach (JsonEntry item in entry.Items())
        {
            item.ExpectKeys("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
            bool isSpecial = item["special"].AsBool(false);
            AddedToken token = new(
                item["id"].AsCount(MaximumId),
                item["content"].AsString(),
                item["single_word"].AsBool(false),
                item["lstrip"].AsBool(false),
                item["rstrip"].AsBool(false),
                item["normalized"].AsBool(!isSpecial),
                isSpecial);
            if (token.Content.Length == 0 || !contents.Add(token.Content))
            {
                throw item.Wrong("the token is empty, or given twice");
            }

            bool isKnown = _vocabulary.TryGetValue(token.Content, out int id);
            if (isKnown ? id != token.Id : !_tokens.TryAdd(token.Id, token.Content))
            {
                throw item["id"].Wrong("the id is another token's, or the vocabulary has the token under another id");
            }

            tokens.Add(token);
        }

        return tokens;
    }
}
