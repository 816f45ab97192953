using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization.HuggingFace;
using FedLLM.Engine.Tokenization.SentencePiece;

namespace FedLLM.Engine.Tokenization;

/// <summary>Finds and loads the tokenizer of a model.</summary>
public static class TokenizerDirectory
{
    private const string JsonName = "tokenizer.json";
    private const string ModelName = "tokenizer.model";
    private const string ConfigName = "tokenizer_config.json";

    /// <summary>
    /// Loads a tokenizer: of a directory its <c>tokenizer.json</c>, else its <c>tokenizer.model</c>; of a file the file itself (a name that ends in
    /// <c>.json</c> is a Hugging Face tokenizer, any other a SentencePiece model). A <c>tokenizer_config.json</c> beside it is read too.
    /// </summary>
    /// <param name="path">A directory or a file.</param>
    /// <exception cref="InputFileException">Nothing is there, or what is there is damaged or not supported.</exception>
    public static ITokenizer Load(string path)
    {
        string file = Directory.Exists(path) ? FileIn(path) : path;
        if (!File.Exists(file))
        {
            throw new InputFileException(
                path, null, "there is no such file or directory", $"Give a model directory with {JsonName} or {ModelName}, or one of these files");
        }

        string config = Path.Combine(Path.GetDirectoryName(file) ?? string.Empty, ConfigName);
        string? configPath = File.Exists(config) ? config : null;
        return file.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? BytePairTokenizer.Load(file, configPath)
            : SentencePieceTokenizer.Load(file, configPath);
    }

    private static string FileIn(string directory)
    {
        string json = Path.Combine(directory, JsonName);
        string model = Path.Combine(directory, ModelName);
        return File.Exists(json) ? json
            : File.Exists(model) ? model
            : throw new InputFileException(
                directory,
                null,
                $"the directory has neither {JsonName} nor {ModelName}",
                "Copy the tokenizer files of the model there (in transformers: AutoTokenizer.from_pretrained(...).save_pretrained(directory))");
    }
}
