using System.Text.Json.Nodes;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.SentencePiece;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>A SentencePiece BPE model and its conversion to tokenizer.json, made as transformers makes it, give the same ids.</summary>
public sealed class ConvertedLlamaTests
{
    private const string LegacyNormalizer = """
        {"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
        {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null}
        """;

    private const string Metaspace = """
        {"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}}
        """;

    [SkippableTheory]
    [InlineData(LegacyNormalizer, "stories")]
    [InlineData(Metaspace, "stories")]
    [InlineData(LegacyNormalizer, "mistral")]
    public void Encode_ConvertedModel_SameTokensAsTheModel(string parts, string name)
    {
        string path = name == "stories"
            ? SharedData.Require("models", "stories260K", "tokenizer.model")
            : SharedData.Require("tokenizers", "mistral-v1", "tokenizer.model");
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.json", Convert(path, JsonNode.Parse(parts)!.AsObject()).ToJsonString());
        ITokenizer converted = folder.Load();
        ITokenizer original = TokenizerDirectory.Load(path);
        Assert.Equal(original.VocabularySize, converted.VocabularySize);
        foreach (string text in TextSamples.Hard.Append("Once upon a time,  there was a little girl.\nShe said: \"Hi!\" 日本 😀"))
        {
            // Metaspace adds no second symbol before a leading space, where the model's dummy prefix does.
            // Mistral's runs of spaces have one score, so that the model merges them leftmost and a ranked list piece by piece.
            if ((parts == Metaspace && text.StartsWith(' ')) || (name == "mistral" && text.Contains("   ", StringComparison.Ordinal)))
            {
                continue;
            }

            IReadOnlyList<Token> tokens = converted.Encode(text);
            Assert.Equal(original.Encode(text).Select(token => token.Id), tokens.Select(token => token.Id));
            OffsetChecks.CoversInOrder(text, tokens);
            Assert.Equal(text, converted.Decode([.. tokens.Select(token => token.Id)]));
        }
    }

    // transformers, SentencePieceExtractor: every split of a piece into two pieces is a merge; best score first, then by the ids of the parts.
    private static JsonObject Convert(string path, JsonObject json)
    {
        SentencePieceModel model = SentencePieceFile.Read(File.ReadAllBytes(path), path);
        JsonObject vocabulary = [];
        Dictionary<string, int> ids = [];
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            vocabulary[model.Pieces[id].Text] = id;
            ids[model.Pieces[id].Text] = id;
        }

        List<(float Score, int Left, int Right)> merges = [];
        foreach (Piece piece in model.Pieces.Where(piece => piece.Kind == PieceKind.Normal))
        {
            for (int i = 1; i < piece.Text.Length; i++)
            {
                if (ids.TryGetValue(piece.Text[..i], out int left) && ids.TryGetValue(piece.Text[i..], out int right))
                {
                    merges.Add((piece.Score, left, right));
                }
            }
        }

        json["version"] = "1.0";
        json["added_tokens"] = new JsonArray();
        json["decoder"] = JsonNode.Parse("""
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
            {"type":"Strip","content":" ","start":1,"stop":0}]}
            """);
        json["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["unk_token"] = "<unk>",
            ["fuse_unk"] = true,
            ["byte_fallback"] = true,
            ["vocab"] = vocabulary,
            ["merges"] = new JsonArray([.. merges.OrderByDescending(merge => merge.Score).ThenBy(merge => merge.Left).ThenBy(merge => merge.Right)
                .Select(merge => (JsonNode)new JsonArray(model.Pieces[merge.Left].Text, model.Pieces[merge.Right].Text))]),
        };
        return json;
    }
}
