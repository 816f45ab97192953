using System.Text.Json.Nodes;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.HuggingFace;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>Small tokenizer.json files to vary.</summary>
internal static class JsonFiles
{
    /// <summary>A byte-level tokenizer: ids 0 to 255 are the bytes by value, then "ab", "abc", "Ġa"; merges in the order given there.</summary>
    public static JsonObject ByteLevel()
    {
        JsonObject vocabulary = [];
        for (int value = 0; value < 256; value++)
        {
            vocabulary[ByteAlphabet.ToCharacter((byte)value).ToString()] = value;
        }

        vocabulary["ab"] = 256;
        vocabulary["abc"] = 257;
        vocabulary["Ġa"] = 258;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"""),
            ["post_processor"] = null,
            ["decoder"] = JsonNode.Parse("""{"type":"ByteLevel"}"""),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray("a b", "ab c", "Ġ a"),
            },
        };
    }

    /// <summary>Adds a token.</summary>
    public static JsonObject Adding(this JsonObject tokenizer, int id, string content, string options = "{}")
    {
        JsonObject token = JsonNode.Parse(options)!.AsObject();
        token["id"] = id;
        token["content"] = content;
        tokenizer["added_tokens"]!.AsArray().Add(token);
        return tokenizer;
    }

    /// <summary>Replaces a top-level entry.</summary>
    public static JsonObject With(this JsonObject tokenizer, string key, string json)
    {
        tokenizer[key] = JsonNode.Parse(json);
        return tokenizer;
    }

    /// <summary>Replaces an entry of the model.</summary>
    public static JsonObject WithModel(this JsonObject tokenizer, string key, string json)
    {
        tokenizer["model"]![key] = JsonNode.Parse(json);
        return tokenizer;
    }

    /// <summary>Loads it, with a tokenizer_config.json if one is given.</summary>
    public static ITokenizer Load(this JsonObject tokenizer, string? config = null)
    {
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.json", tokenizer.ToJsonString());
        if (config is not null)
        {
            folder.With("tokenizer_config.json", config);
        }

        return folder.Load();
    }
}
