using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Tokenizers;

/// <summary>
/// Finds and loads the tokenizer of a model as <see cref="TokenizerDirectory"/> does, and a <c>tokenizer.model</c> that is a tiktoken rank file too: that of an original
/// Llama 3. A <c>tokenizer.json</c> beside it comes first.
/// </summary>
public static class RankFileDirectory
{
    private const int Llama3Ranks = 128_000;

    /// <summary>Loads a tokenizer.</summary>
    /// <param name="path">A directory or a file.</param>
    /// <exception cref="InputFileException">Nothing is there, or what is there is damaged or not supported.</exception>
    public static ITokenizer Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string file = !Directory.Exists(path) ? path
            : File.Exists(Path.Combine(path, "tokenizer.json")) ? Path.Combine(path, "tokenizer.json")
            : Path.Combine(path, "tokenizer.model");
        if (!RankFile.IsOne(file))
        {
            return TokenizerDirectory.Load(path);
        }

        var tokenizer = RankFileTokenizer.Load(file, RankFileScheme.Llama3);
        return tokenizer.Ranks == Llama3Ranks
            ? tokenizer
            : throw new InputFileException(
                file, null, $"is a rank file of {tokenizer.Ranks} tokens; of rank files, which do not say how text is cut, that of Llama 3 is known, and it has {Llama3Ranks}",
                "Give the model's tokenizer.json");
    }
}
